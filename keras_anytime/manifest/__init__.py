"""The contract of an exported file, between export and device."""
