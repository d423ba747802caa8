"""What a person reads, in English and in Chinese, side by side from the start."""

from typing import Literal, NamedTuple

Language = Literal["en", "zh"]


class Words(NamedTuple):
    """One sentence or name in both languages."""

    en: str
    zh: str

    def say(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en
