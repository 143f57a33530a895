"""Formats as the command line names and lists them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logpipe.ingest.formats import Format


def chosen(name: str | None) -> "tuple[str | None, dict[str, Format]]":
    """The name that `--format` means, and all formats that are known: a TOML file's comes before all others.

    Raises:
        InputError: a definition cannot be used.
        SettingError: there is no folder of definitions where the variable says so.
    """
    from logpipe.ingest.formats.own import known_formats, read_format, with_own

    formats = known_formats()
    if name is None or not name.endswith(".toml"):
        return name, formats
    own = read_format(name)
    return own.name, with_own([own], formats)


def described(format_: "Format") -> "dict[str, object]":
    """What is said of a format in the list."""
    from logpipe.ingest.formats.json_format import JsonFormat
    from logpipe.ingest.formats.own import OwnFormat
    from logpipe.ingest.formats.text_format import TextFormat
    from logpipe.ingest.formats.wrapped import Wrapped

    kind, base = "other", format_
    if isinstance(format_, Wrapped):
        kind = "wrapper"
    elif isinstance(format_, OwnFormat):
        kind, base = format_.path, format_.inner
    elif isinstance(format_, JsonFormat):
        kind = "json"
    elif isinstance(format_, TextFormat):
        kind = "text"
    return {
        "name": format_.name,
        "title": format_.title,
        "kind": kind,
        "lines": "joined" if format_.continues("raw", "before") is not None else "one a record",
        "patterns": list(base.layouts) if isinstance(base, TextFormat) else [],
    }
