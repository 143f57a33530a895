"""Values inside SQL text: a finding carries its statement whole, so that it can be run again without parameters."""

from datetime import UTC, datetime


def literal(value: str | float | datetime | None) -> str:
    """A value as DuckDB reads it in a statement. Text of any content stays text."""
    match value:
        case None:
            return "NULL"
        case datetime():
            return f"TIMESTAMPTZ '{value.astimezone(UTC).isoformat(sep=' ')}'"
        case str():
            # A NUL ends DuckDB's statement, so it is put in by its code.
            parts = ["'" + part.replace("'", "''") + "'" for part in value.split("\0")]
            return parts[0] if len(parts) == 1 else f"({' || chr(0) || '.join(parts)})"
    return repr(value)
