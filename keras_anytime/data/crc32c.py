"""CRC-32C, the checksum of TFRecord files, in NumPy.

A checksum is linear over bits: the checksum of a block is the XOR of what each
byte contributes at its place. A table holds the contribution of each byte value
at each place, so NumPy looks up all bytes of all blocks together, and only the
blocks are processed one by one.
"""

import functools

import numpy as np

# The polynomial with its bits in reverse order, because the bits of each byte
# are processed in reverse order.
_POLYNOMIAL = 0x82F63B78
_UINT32_MASK = 0xFFFFFFFF
# Bytes per block. The table of 512 KiB stays in the processor's cache.
_BLOCK_SIZE = 512
# Below this number of bytes, Python is faster than setting up NumPy.
_MIN_NUMPY_SIZE = 128
# Bytes that NumPy processes at a time. The table indices need 8 times as much.
_CHUNK_SIZE = 1 << 20


def crc32c(data: bytes) -> int:
    """Returns the CRC-32C of bytes.

    Args:
        data: Bytes.

    Reference:
        [RFC 3720, Appendix B.4](https://www.rfc-editor.org/rfc/rfc3720)
    """
    crc = _UINT32_MASK
    content = np.frombuffer(data, "uint8")
    while len(content) >= _MIN_NUMPY_SIZE:
        crc = _update_by_blocks(content[:_CHUNK_SIZE], crc)
        content = content[_CHUNK_SIZE:]
    table = _byte_table()
    for byte in content.tolist():
        crc = (crc >> 8) ^ table[(crc ^ byte) & 255]
    return crc ^ _UINT32_MASK


def masked_crc32c(data: bytes) -> int:
    """Returns the CRC-32C of bytes in the masked form of TFRecord files.

    The checksum is rotated and a constant is added, so that the checksum of
    data that contain checksums stays meaningful.

    Args:
        data: Bytes.
    """
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & _UINT32_MASK


def _update_by_blocks(content: np.ndarray, crc: int) -> int:
    """Returns the checksum state after an array of 4 bytes or more."""
    count = -(-len(content) // _BLOCK_SIZE)
    # Leading zeros keep a state of zero. The previous state enters as an XOR
    # with the first four bytes.
    blocks = np.zeros(count * _BLOCK_SIZE, "uint8")
    first = len(blocks) - len(content)
    blocks[first:] = content
    state = np.frombuffer(crc.to_bytes(4, "little"), "uint8")
    blocks[first : first + 4] ^= state
    table, offsets, state_tables = _block_tables()
    contributions = table.take(blocks.reshape(count, _BLOCK_SIZE) + offsets)
    table_0, table_1, table_2, table_3 = state_tables
    crc = 0
    for block in np.bitwise_xor.reduce(contributions, axis=1).tolist():
        crc = (
            table_0[crc & 255]
            ^ table_1[crc >> 8 & 255]
            ^ table_2[crc >> 16 & 255]
            ^ table_3[crc >> 24]
            ^ block
        )
    return crc


@functools.cache
def _block_tables() -> tuple[np.ndarray, np.ndarray, list[list[int]]]:
    """Returns the contribution of each byte value at each place of a block.

    Returns:
        Triple of a flat uint32 array of 256 values per place, an int64 array
        with the offset of each place in it, and the values of the first four
        places as lists.
    """
    table = np.empty((_BLOCK_SIZE, 256), "uint32")
    last = np.array(_byte_table(), "uint32")
    table[-1] = last
    for place in range(_BLOCK_SIZE - 2, -1, -1):
        table[place] = (table[place + 1] >> 8) ^ last[table[place + 1] & 255]
    offsets = np.arange(_BLOCK_SIZE) * 256
    return table.reshape(-1), offsets, table[:4].tolist()


@functools.cache
def _byte_table() -> list[int]:
    """Returns the contribution of each byte value at the last place."""
    table = np.arange(256, dtype="uint32")
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ _POLYNOMIAL, table >> 1)
    return table.tolist()
