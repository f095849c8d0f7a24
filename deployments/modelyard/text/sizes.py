"""Sizes in bytes, for people."""


def size_text(size: int) -> str:
    """Three digits and the largest binary unit: "1.50 GiB", "12.3 MiB", "0 B"."""
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 999.5:  # else it would have four digits
            break
        value, unit = value / 1024, larger
    digits = 0 if unit == "B" or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {unit}"
