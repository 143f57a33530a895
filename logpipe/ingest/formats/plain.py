"""Plain text: what no other format claims, one event a line."""

from logpipe.ingest.formats.text_format import TextFormat

PLAIN = TextFormat(name="plain", title="plain text, one event a line", layouts=("(?s)^.",), columns={"message": "raw"})
