"""What is asked of a host beside the site's URLs: its robots.txt, and what it sends for nothing."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from archiver.collect.web.discovery import location_text
from archiver.collect.web.documents.document import NO_FACTS
from archiver.collect.web.documents.mediatype import is_html
from archiver.collect.web.lanes import Job
from archiver.collect.web.robots import MOST_REDIRECTS, PARSED, UNREACHABLE, RobotsPolicy
from archiver.collect.web.urls import LONGEST, is_web, origin_of, resolve
from archiver.core.capture import REQUISITE

if TYPE_CHECKING:
    from archiver.collect.web.accounting import Accounting
    from archiver.collect.web.documents.document import Facts
    from archiver.collect.web.examination import Examination
    from archiver.collect.web.frontier import Frontier
    from archiver.collect.web.recorder import Recorded
    from archiver.collect.web.schedule import Schedule
    from archiver.collect.web.sitemaps import Sitemaps
    from archiver.core.progress import Progress


class Asides:
    """Accounts for the answers of hosts about themselves. Belongs to the coordinator.

    Args:
        user_agent: whom robots.txt speaks to.
        frontier: keeps the answers, for a run that is continued.
        schedule: knows the hosts.
        accounting: makes captures of robots.txt files.
        sitemaps: learn what robots.txt names.
        examination: judges by what a host sends for nothing.
        progress: where warnings go.
    """

    def __init__(
        self,
        user_agent: str,
        *,
        frontier: Frontier,
        schedule: Schedule,
        accounting: Accounting,
        sitemaps: Sitemaps,
        examination: Examination,
        progress: Progress,
    ) -> None:
        self._agent, self._frontier, self._schedule = user_agent, frontier, schedule
        self._accounting, self._sitemaps = accounting, sitemaps
        self._examination, self._progress = examination, progress

    def begin(self) -> None:
        """Take up what an earlier process of the run was told."""
        for origin, status, body in self._frontier.robots():
            self._schedule.host(origin).policy = RobotsPolicy.of(status, body, self._agent)

    def robots(self, job: Job, recorded: Recorded) -> None:
        """Account for an answer to the request for a robots.txt."""
        page = not recorded.is_redirect and is_html(recorded.content_type)
        if recorded.status < 400 and not page:
            self._frontier.capture(self._accounting.capture_of(recorded, REQUISITE))
        host = self._schedule.host(job.host)
        location = recorded.header("Location")
        target = resolve(recorded.url, location_text(location)) if location else None
        followed = target is not None and is_web(target) and len(target) <= LONGEST
        if target and followed and recorded.is_redirect and host.robots_hops < MOST_REDIRECTS:
            host.robots_hops += 1
            # asked on the lane of the host that the answer is for: at most five requests
            self._schedule.submit(Job(target, job.host, robots=True))
            return
        status = 200 if recorded.revisited else recorded.status
        with closing(recorded.payload):
            self.robots_answered(job.host, status, recorded.content(PARSED))

    def robots_answered(self, origin: str, status: int, body: bytes) -> None:
        """Take what a host's robots.txt says, or that it answered so."""
        self._frontier.keep_robots(origin, status, body[:PARSED])
        host = self._schedule.host(origin)
        host.policy = RobotsPolicy.of(status, body, self._agent)
        if host.policy.refusal:
            self._progress.warn(f"{origin}: {host.policy.refusal}")
        else:
            self._sitemaps.robots_known(origin, host.policy.sitemaps)

    def robots_failed(self, origin: str) -> None:
        """Account for a robots.txt that could not be had. Not kept: a continued run may find the host again."""
        self._schedule.host(origin).policy = RobotsPolicy.of(UNREACHABLE, b"", self._agent)

    def probe_target(self, job: Job, recorded: Recorded) -> str:
        """Return where a probe is redirected to; empty where it is not redirected, or not to be followed."""
        if not recorded.is_redirect:
            return ""
        target = resolve(recorded.url, location_text(recorded.header("Location")))
        policy = self._schedule.host(job.host).policy
        assert policy is not None, "probes are asked for once robots.txt is known"
        if target is None or not is_web(target) or not self._examination.follows(job.probe, target):
            return ""
        return target if policy.allows(target) else ""

    def probed(self, probe: str, recorded: Recorded | None = None, facts: Facts = NO_FACTS) -> bool:
        """Keep what came for a probe; say whether that was the host's last one under way.

        Its record is in the WARC, as evidence, and no capture.
        """
        self._examination.probed(probe, recorded, facts)
        host = self._schedule.host(origin_of(probe))
        host.probing.discard(probe)
        return not host.probing
