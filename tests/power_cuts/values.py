"""In the guest: what is written, as text that stays short: "PART*COUNT" for PART so many times."""

PART_BYTES = 16


def new(chance, size):
    return f"{chance.getrandbits(64):016x}*{max(1, size // PART_BYTES)}"


def whole(value):
    """The bytes."""
    part, count = value.split("*")
    return part.encode() * int(count)


def short(data):
    """Of bytes that a node gave; text that equals no value when they are none."""
    value = f"{data[:PART_BYTES].decode(errors='replace')}*{len(data) // PART_BYTES}"
    return value if data and data == data[:PART_BYTES] * (len(data) // PART_BYTES) else repr(data)
