"""Write the frame of a page of HTML that needs no other file and no network, and the pictures in it."""

from __future__ import annotations

from base64 import b64encode


def html_page(title: str, style: str, body: str) -> str:
    """Return a page. `title`, `body`: HTML; `style`: CSS."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def jpeg_url(picture: bytes) -> str:
    """Return a JPEG as the URL of an image."""
    return f"data:image/jpeg;base64,{b64encode(picture).decode()}"
