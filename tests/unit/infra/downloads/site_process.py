"""The process of yt-dlp with the extractor of a site of tests: its pages are at /watch/…, their files at /file/…."""

from __future__ import annotations

from typing import Any

from infra.downloads.youtube_process import main


def extractors() -> list[Any]:
    """Return the extractor of the site."""
    from yt_dlp.extractor.common import InfoExtractor

    class SiteIE(InfoExtractor):  # type: ignore[misc]
        IE_NAME = "site"
        _VALID_URL = r"http://127\.0\.0\.1:\d+/watch/(?P<id>\w+)"

        def _real_extract(self, url: str) -> dict[str, Any]:
            page = self._download_json(url, self._match_id(url))
            sound = {"url": url.replace("watch", "file"), "vcodec": "none", "acodec": "mp3", "abr": 128}
            playlist = sound | {"url": "http://127.0.0.1/x.m3u8", "protocol": "m3u8_native", "abr": 320}
            return {"id": "x", "ext": "mp3", "formats": [sound, playlist], **page}

    return [SiteIE()]


if __name__ == "__main__":
    main(extractors)
