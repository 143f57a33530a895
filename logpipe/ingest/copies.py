"""Files that begin with bytes of a source: copies of it, also while they are being made, and what is left of it."""

from collections.abc import Mapping

from logpipe.ingest.files.content import beginning, holds
from logpipe.ingest.files.discovery import LogFile
from logpipe.ingest.files.open_files import OpenFiles
from logpipe.ingest.files.reader import Reader, Replaced
from logpipe.ingest.files.source import Copied, Head, Source
from logpipe.ingest.files.sources import Sources
from logpipe.ingest.options import Options
from logpipe.ingest.remnant import common_lines, is_mended, withdraw
from logpipe.store import Store

Relatives = list[tuple[LogFile, Source]]


class Copies:
    """What the files of a sweep have of each other."""

    def __init__(self, store: Store, sources: Sources, files: OpenFiles, options: Options) -> None:
        self._store = store
        self._sources = sources
        self._files = files
        self._options = options
        self._matches: Mapping[LogFile, Source | None] = {}
        self._families: dict[str, list[LogFile]] = {}

    def look(self, matches: Mapping[LogFile, Source | None]) -> None:
        """A sweep has begun; sources that it begins are added to `matches`."""
        self._matches = matches
        self._families = {}
        for file in matches:
            self._families.setdefault(file.family, []).append(file)

    def unread_originals(self, file: LogFile, head: Head) -> list[LogFile]:
        """The files still to be read of which a new one may be a copy: until then nobody knows how much it has."""
        return [
            other
            for other, source in self._relatives(file)
            if self._sources.may_be_copy(file, head, source) and _is_unread(other, source)
        ]

    def original(self, reader: Reader, file: LogFile, head: Head) -> Copied | None:
        """What a new file has of another source, with whose bytes it begins.

        Raises:
            Replaced: a file is not there any more.
        """
        others = self._relatives(file)
        return self._sources.copied(file, head, others) or self._remnant(reader, file, others)

    def has_nothing_new(self, file: LogFile, head: Head, source: Source, *, grown: bool) -> bool:
        """Of a copy: whether all that it has comes, or may yet come, from its original.

        Raises:
            Replaced: a file is not there any more.
        """
        others = self._relatives(file)
        if grown or (source.compression is None and not source.exhausted(file)):
            self._compare_again(file, head, source, others)
        return source.only_copied and self._original_goes_on(source, others)

    def _relatives(self, file: LogFile) -> Relatives:
        """The other files of the family that continue a source."""
        related = ((other, self._matches[other]) for other in self._families[file.family] if other is not file)
        return [(other, source) for other, source in related if source is not None]

    def _compare_again(self, file: LogFile, head: Head, source: Source, others: Relatives) -> None:
        """A copy may have been found while it was being made.

        Where it differs from its original the two only begin alike, as they would if they had been seen later.

        Raises:
            Replaced: one of the two was overwritten meanwhile, and so differs from what was read of it.
        """
        copied = self._sources.copied(file, head, others)
        if copied is not None:
            if copied.length > source.copied_bytes:
                self._sources.recopy(source, copied)
            return
        original = _original_of(source, others)
        if original is not None:
            self._refuse_overwritten((file, source), original)
            self._sources.recopy(source, None)

    def _refuse_overwritten(self, *found: tuple[LogFile, Source]) -> None:
        for file, source in found:
            with self._files.reader(file) as reader:
                if holds(reader, file, source) is None:
                    raise Replaced(f"{file.path} was overwritten since it was found", reason="replaced")

    def _original_goes_on(self, source: Source, others: Relatives) -> bool:
        """Whether what a copy has, and the store has not, may be its original's, which is still there."""
        found = _original_of(source, others)
        if found is None:
            return False
        file, original = found
        if original.offset > source.offset:
            return True
        if original.compression is not None:
            return not original.exhausted(file)
        with self._files.reader(file) as reader:
            return reader.size() > original.offset

    def _remnant(self, reader: Reader, file: LogFile, others: Relatives) -> Copied | None:
        """What the file has of a source that was cut short to that, or that goes on in the file after damage.

        What was read of a damaged file is withdrawn where the whole one is here.
        """
        present = {source.source_id for _, source in others}
        for source in self._sources.broken(file.family):
            if source.source_id in present:
                continue
            length = common_lines(self._store, reader, file, source, self._options)
            if not length:
                continue
            if is_mended(self._store, reader, file, source, length):
                withdraw(self._store, source)
                return None
            return Copied(source, length, beginning(reader, length))
        return None


def _original_of(source: Source, others: Relatives) -> tuple[LogFile, Source] | None:
    return next((found for found in others if found[1].source_id == source.copied_from), None)


def _is_unread(file: LogFile, source: Source) -> bool:
    """Whether there is something in a file that this sweep has not looked at."""
    return not (source.exhausted(file) or (source.looked_at and source.untouched(file)))
