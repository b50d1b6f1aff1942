"""Texts that are told apart by what they say: sentences of a trade, made up from its words, another one for each name."""

from __future__ import annotations

import random
from typing import Mapping

TRADES: Mapping[str, str] = {
    "cluster": "node pod volume the controller of a cluster schedules restarts mounts claims labels to when requests limits "
    "quota each namespace is evicted drained by taints and tolerations reconcile state with the operator image registry",
    "casino": "bonus spins win big jackpot with your first deposit at our trusted online casino play live roulette now no "
    "wager free slots and the best odds for new players from every country withdraw instantly by card or wallet",
    "集群": "集群节点容器存储调度网络安装配置升级备份恢复监控日志权限镜像仓库服务端口证书密钥负载均衡弹性伸缩",
    "游戏": "真人视讯电子百家乐优惠活动首存红利注册送彩金提款秒到账老虎机捕鱼棋牌体育投注赔率最高客服在线等您来玩",
}
"""The words of each trade; of Chinese ones the characters."""


def prose(trade: str, name: str, count: int = 200) -> str:
    """Return the text of that name: the same one every time.

    Args:
        trade: one of ``TRADES``.
        name: what it is the text of.
        count: how many words, or characters, it has.
    """
    chance = random.Random(f"{trade} {name}")
    words = TRADES[trade].split()
    if len(words) == 1:
        return "".join(chance.choices(words[0], k=count))
    return " ".join(chance.choices(words, k=count))
