"""Files as Telegram names them: an id to send again, a unique id to recognise, a path to fetch."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath

from localchat.errors import BadRequestError
from localchat.json_types import Json
from localchat.pictures import (
    NoPictureError,
    OddDimensionsError,
    digest,
    renditions,
    thumbnail,
)

MOST_PHOTO_BYTES = 10 << 20
MOST_UPLOAD_BYTES = 50 << 20
MOST_DOWNLOAD_BYTES = 20 << 20

# Kind: how ids begin, folder of the path, extension, Telegram's name of the type.
_KINDS = {
    "photo": ("AgACAgUAAx", "AQAD", "photos", ".jpg", "Photo"),
    "document": ("BQACAgUAAx", "AgAD", "documents", "", "Document"),
    "voice": ("AwACAgUAAx", "AwAD", "voice", ".oga", "VoiceNote"),
    "video": ("BAACAgUAAx", "BAAD", "videos", ".mp4", "Video"),
    "sticker": ("CAACAgUAAx", "CAAD", "stickers", ".webp", "Sticker"),
    "thumbnail": ("AAMCBQADGQ", "AQAE", "thumbnails", ".jpg", "Thumbnail"),
}


@dataclass(slots=True)
class FileRecord:
    """A file the world holds.

    Attributes:
        kind: photo, document, voice, video, sticker or thumbnail.
        file_id: what sends it again.
        unique_id: the same for the same bytes.
        path: where the Bot API serves it.
        size: in bytes.
        mime_type: as its sender declared it.
        media: its value in a message: an object, or for photos the list of sizes.
    """

    kind: str
    file_id: str
    unique_id: str
    path: str
    size: int
    mime_type: str
    media: Json | list[Json] = field(default_factory=dict)

    def as_row(self) -> Json:
        """What the journal keeps, bytes apart."""
        return asdict(self)


class Files:
    """All files, by id and by path."""

    def __init__(
        self,
        keep: Callable[[FileRecord, bytes], None],
        fetch: Callable[[str], bytes | None],
    ) -> None:
        """No files yet.

        Args:
            keep: is given each new file to put its bytes by.
            fetch: finds the bytes of a file id again.
        """
        self._by_id: dict[str, FileRecord] = {}
        self._by_path: dict[str, FileRecord] = {}
        self._keep = keep
        self._fetch = fetch
        self._made = 0

    def restore(self, record: FileRecord) -> None:
        """Take back a file from the journal."""
        self._made += 1
        self._by_id[record.file_id] = record
        self._by_path[record.path] = record

    def get(self, file_id: str) -> FileRecord | None:
        """The file with this id."""
        return self._by_id.get(file_id)

    def at(self, path: str) -> FileRecord | None:
        """The file at this path."""
        return self._by_path.get(path)

    def read(self, record: FileRecord) -> bytes:
        """A file's bytes."""
        return self._fetch(record.file_id) or b""

    def photo(self, data: bytes) -> Json:
        """Take in a photo.

        Returns:
            `{"photo": [PhotoSize, …]}`, smallest first.

        Raises:
            BadRequestError: it is too large, too narrow or no picture.
        """
        if not data:
            raise BadRequestError("file must be non-empty")
        if len(data) > MOST_PHOTO_BYTES:
            raise BadRequestError(
                f"file of size {len(data)} bytes is too big for a photo;"
                f" the maximum size is {MOST_PHOTO_BYTES} bytes"
            )
        try:
            made = renditions(data)
        except NoPictureError:
            raise BadRequestError("IMAGE_PROCESS_FAILED") from None
        except OddDimensionsError:
            raise BadRequestError("PHOTO_INVALID_DIMENSIONS") from None
        source = digest(data)
        records = []
        for one in made:
            record = self._record("photo", f"{source}{one.letter}", "", "image/jpeg", one.data)
            record.media = {
                "file_id": record.file_id,
                "file_unique_id": record.unique_id,
                "width": one.width,
                "height": one.height,
                "file_size": record.size,
            }
            records.append(record)
        sizes = [record.media for record in records if isinstance(record.media, dict)]
        for record, one in zip(records, made, strict=True):
            record.media = sizes
            self._add(record, one.data)
        return {"photo": sizes}

    def document(self, data: bytes, filename: str, mime_type: str) -> Json:
        """Take in a file as it is; its bytes are kept unchanged.

        Returns:
            `{"document": Document}`.

        Raises:
            BadRequestError: it is empty.
        """
        small = thumbnail(data) if mime_type.startswith("image/") else None
        extra: Json = {"file_name": filename, "mime_type": mime_type}
        if small is not None:
            record = self._record("thumbnail", digest(small.data), "", "image/jpeg", small.data)
            extra["thumbnail"] = record.media = {
                "file_id": record.file_id,
                "file_unique_id": record.unique_id,
                "width": small.width,
                "height": small.height,
                "file_size": record.size,
            }
            self._add(record, small.data)
        return self._plain("document", data, filename, mime_type, extra)

    def voice(self, data: bytes, duration: int, mime_type: str = "audio/ogg") -> Json:
        """Take in a voice message of so many seconds: `{"voice": Voice}`."""
        return self._plain(
            "voice", data, "", mime_type, {"duration": duration, "mime_type": mime_type}
        )

    def video(self, data: bytes, filename: str, mime_type: str = "video/mp4") -> Json:
        """Take in a video; what is in it is not looked at: `{"video": Video}`."""
        extra = {
            "width": 640,
            "height": 480,
            "duration": 1,
            "file_name": filename,
            "mime_type": mime_type,
        }
        return self._plain("video", data, filename, mime_type, extra)

    def sticker(self, emoji: str) -> Json:
        """Take in a sticker; it is no more than its emoji: `{"sticker": Sticker}`."""
        extra = {
            "type": "regular",
            "width": 512,
            "height": 512,
            "is_animated": False,
            "is_video": False,
            "emoji": emoji,
        }
        return self._plain("sticker", emoji.encode(), emoji, "image/webp", extra)

    def again(self, file_id: str, kind: str) -> Json | None:
        """A file sent once more by its id.

        Args:
            file_id: as given in a message.
            kind: what it is sent as.

        Returns:
            `{kind: media}`, or None where there is no such file.

        Raises:
            BadRequestError: it is a file of another kind.
        """
        record = self._by_id.get(file_id)
        if record is None:
            return None
        if record.kind != kind:
            raise BadRequestError(
                f"can't use file of type {_KINDS[record.kind][4]} as {_KINDS[kind][4]}"
            )
        return {kind: record.media}

    def _plain(self, kind: str, data: bytes, name: str, mime_type: str, extra: Json) -> Json:
        if not data:
            raise BadRequestError("file must be non-empty")
        record = self._record(kind, digest(data), name, mime_type, data)
        record.media = {
            "file_id": record.file_id,
            "file_unique_id": record.unique_id,
            **extra,
            "file_size": record.size,
        }
        self._add(record, data)
        return {kind: record.media}

    def _record(self, kind: str, source: str, name: str, mime_type: str, data: bytes) -> FileRecord:
        id_start, unique_start, folder, extension, _ = _KINDS[kind]
        file_id = id_start + _code(f"{kind}\0{source}\0{name}\0{mime_type}", 30)
        unique_id = unique_start + _code(f"{kind}\0{source}", 9)
        known = self._by_id.get(file_id)
        if known is not None:
            path = known.path
        else:
            suffix = extension or PurePosixPath(name).suffix.lower()
            safe = suffix if suffix[1:].isalnum() and suffix.isascii() else ""
            path = f"{folder}/file_{self._made}{safe}"
            self._made += 1
        return FileRecord(kind, file_id, unique_id, path, len(data), mime_type)

    def _add(self, record: FileRecord, data: bytes) -> None:
        if record.file_id not in self._by_id:
            self._by_id[record.file_id] = record
            self._by_path[record.path] = record
            self._keep(record, data)


def _code(source: str, size: int) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(source.encode()).digest()[:size]).decode()
