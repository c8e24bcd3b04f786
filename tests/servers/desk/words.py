"""What people on both sides have in common."""

SECONDS = "%Y-%m-%d %H:%M:%S"


def last_word(text):
    return str(text or "").strip().rsplit(" ", 1)[-1]
