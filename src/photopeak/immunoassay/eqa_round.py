"""One round of a scheme: its states, the protocol frozen when results open, and the refusal of a protocol changed afterwards."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace

from photopeak.immunoassay.scheme import Scheme, SchemeError, changed_keys

LIFE_OF_A_ROUND = {
    ("draft", "ship"): "shipped",  # 发样
    ("shipped", "receive"): "received",  # 签收
    ("shipped", "open"): "open",  # 开放回报
    ("received", "open"): "open",
    ("open", "close"): "closed",  # 截止
    ("closed", "score"): "scored",  # 评分
    ("scored", "release"): "released",  # 发布
    ("released", "amend"): "amended",  # 更正
    ("amended", "release"): "released",
}
FREEZES = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class EqaRound:
    """`protocol` and `sha256` are empty until results open; `version` counts amended reports from 1."""

    scheme: str
    round: str
    state: str = "draft"
    protocol: str = ""
    sha256: str = ""
    version: int = 1

    def after(self, act: str, scheme: Scheme) -> EqaRound:
        """This round after `act` under `scheme`. Opening freezes the protocol; every later act needs the same one."""
        following = LIFE_OF_A_ROUND.get((self.state, act))
        if following is None:
            raise SchemeError(
                "illegal_act",
                en=f"a round that is {self.state} cannot {act}; it can "
                + (", ".join(known for state, known in LIFE_OF_A_ROUND if state == self.state) or "do nothing more"),
                zh=f"状态为 {self.state} 的轮次不能执行 {act}。",
            )
        if self.sha256:
            require_frozen(scheme, self.sha256, self.protocol)
        elif following == FREEZES:
            return replace(self, state=following, protocol=scheme.protocol, sha256=scheme.sha256)
        return replace(self, state=following, version=self.version + (following == "amended"))

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1, sort_keys=True)


def read_round(text: str) -> EqaRound:
    """A round from its file; a stored protocol that does not fit its own hash is refused."""
    try:
        found = EqaRound(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise SchemeError("not_a_round", en=f"not the file of a round ({error})", zh=f"不是轮次文件（{error}）。") from error
    if found.sha256 and hashlib.sha256(found.protocol.encode("utf-8")).hexdigest() != found.sha256:
        raise SchemeError(
            "protocol_changed",
            en=f"round {found.round}: the stored protocol does not fit its hash {found.sha256[:12]}; the file was edited",
            zh=f"轮次 {found.round}：保存的方案与其哈希值 {found.sha256[:12]} 不符，文件被改动过。",
        )
    return found


def require_frozen(scheme: Scheme, sha256: str, protocol: str = "") -> None:
    """Refuse a scheme that is not the frozen one, naming what changed where the frozen text is at hand."""
    if scheme.sha256 == sha256:
        return
    places = ", ".join(changed_keys(protocol, scheme.protocol)[:8]) if protocol else ""
    raise SchemeError(
        "protocol_changed",
        en=f"the protocol was changed after results opened: frozen {sha256[:12]}, now {scheme.sha256[:12]}"
        + (f"; changed: {places}" if places else "")
        + ". Score with the frozen protocol, or open a new round",
        zh=f"回报开放后方案被改动：冻结时 {sha256[:12]}，现在 {scheme.sha256[:12]}"
        + (f"；改动处：{places}" if places else "")
        + "。请使用冻结的方案评分，或另开新一轮。",
    )
