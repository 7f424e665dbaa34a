"""CRC-32C, the checksum of TFRecord files, in NumPy.

A checksum is linear over bits: that of a block is the XOR of what each byte
adds at its place, which a table has for all bytes and places. So NumPy takes
all bytes of all blocks at once, and only blocks are gone through one by one.
"""

import functools

import numpy as np

_POLYNOMIAL = 0x82F63B78  # With its bits in reverse, as each byte's are taken.
_ONES = 0xFFFFFFFF
_BLOCK = 512  # Bytes; its table of 512 KiB stays in the processor's cache.
_FEW = 128  # Bytes that are done before NumPy is set up.
_PART = 1 << 20  # Bytes taken at once: the places in the table need 8 times it.


def crc32c(data):
    """Returns the CRC-32C of bytes.

    Args:
        data: Bytes.

    Reference:
        [RFC 3720, Appendix B.4](https://www.rfc-editor.org/rfc/rfc3720)
    """
    crc = _ONES
    content = np.frombuffer(data, "uint8")
    while len(content) >= _FEW:
        crc = _of_blocks(content[:_PART], crc)
        content = content[_PART:]
    last = _last_table()
    for byte in content.tolist():
        crc = (crc >> 8) ^ last[(crc ^ byte) & 255]
    return crc ^ _ONES


def masked_crc32c(data):
    """Returns the CRC-32C of bytes as TFRecord files hold it.

    It is rotated and shifted, so that checksums of checksums are none that
    occur elsewhere.
    """
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & _ONES


def _of_blocks(content, crc):
    """Returns the checksum so far after an array of 4 bytes or more."""
    count = -(-len(content) // _BLOCK)
    # Zeros in front leave a checksum of zero as it is; what there was before
    # counts as XORed to the first four bytes.
    blocks = np.zeros(count * _BLOCK, "uint8")
    first = len(blocks) - len(content)
    blocks[first:] = content
    before = np.frombuffer(crc.to_bytes(4, "little"), "uint8")
    blocks[first : first + 4] ^= before
    table, places, heads = _tables()
    added = table.take(blocks.reshape(count, _BLOCK) + places)
    one, two, three, four = heads
    crc = 0
    for block in np.bitwise_xor.reduce(added, axis=1).tolist():
        crc = (
            one[crc & 255]
            ^ two[crc >> 8 & 255]
            ^ three[crc >> 16 & 255]
            ^ four[crc >> 24]
            ^ block
        )
    return crc


@functools.cache
def _tables():
    """Returns what each byte adds at each place of a block.

    Returns:
        Uint32 array of places times 256 bytes, int64 array of where each
        place's part begins, and the first four parts as lists.
    """
    table = np.empty((_BLOCK, 256), "uint32")
    last = np.array(_last_table(), "uint32")
    table[-1] = last
    for place in range(_BLOCK - 2, -1, -1):
        table[place] = (table[place + 1] >> 8) ^ last[table[place + 1] & 255]
    places = np.arange(_BLOCK) * 256
    return table.reshape(-1), places, table[:4].tolist()


@functools.cache
def _last_table():
    """Returns what each byte adds at the end, as a list."""
    table = np.arange(256, dtype="uint32")
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ _POLYNOMIAL, table >> 1)
    return table.tolist()
