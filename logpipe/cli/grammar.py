"""Numbers with what they count."""


def plural(count: int, thing: str, things: str | None = None) -> str:
    """`1 gap`, `2 gaps`, `1,200 replies`."""
    return f"{count:,} {thing if count == 1 else things or f'{thing}s'}"
