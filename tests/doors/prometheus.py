#!/usr/bin/env python3
"""What packaging/ has for Prometheus and Grafana, by Prometheus itself: promtool accepts the
metrics, the rules and the configuration; a real Prometheus scrapes three nodes and finds each up,
and each query of the alerts and the dashboard finds what it asks for."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from cluster import Cluster, check, check_equal, free_port, options, run_steps, wait_for

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"
RULES = PACKAGING / "prometheus" / "once.rules.yml"
DASHBOARD = PACKAGING / "grafana" / "once-dashboard.json"
SCRAPES_S = 30


def promtool(*arguments, stdin=None):
    done = subprocess.run(["promtool", *map(str, arguments)], input=stdin, capture_output=True,
                          timeout=60)
    check_equal(done.returncode, 0, f"promtool {arguments}: {done.stdout!r} {done.stderr!r}")
    return done.stdout + done.stderr


def files_are_valid():
    check(b"6 rules found" in promtool("check", "rules", RULES), "six alerts")
    promtool("check", "config", PACKAGING / "prometheus" / "prometheus.yml")
    promtool("test", "rules", PACKAGING / "prometheus" / "once.rules.test.yml")


def metrics_are_valid(cluster):
    for node in cluster.nodes:
        with urllib.request.urlopen(f"http://{node.address}/metrics", timeout=10) as page:
            check_equal(page.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8",
                        "as Prometheus 3 wants it")
            said = promtool("check", "metrics", stdin=page.read())
        check_equal(said, b"", "not one complaint")


class Prometheus:
    def __init__(self, cluster):
        self.address = f"127.0.0.1:{free_port()}"
        home = cluster.directory / "prometheus"
        home.mkdir()
        targets = ", ".join(f'"{node.address}"' for node in cluster.nodes)
        (home / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            f"rule_files: [{json.dumps(str(RULES))}]\n"
            "scrape_configs:\n"
            f"  - {{job_name: once, static_configs: [{{targets: [{targets}]}}]}}\n")
        with open(home / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={home}/prometheus.yml",
                 f"--storage.tsdb.path={home}/data", f"--web.listen-address={self.address}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=20)

    def ask(self, path, **arguments):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            told = json.load(answer)
        check_equal(told["status"], "success", url)
        return told["data"]

    def query(self, expression):
        return self.ask("query", query=expression)["result"]

    def is_up(self, cluster):
        try:
            found = self.query('up{job="once"} == 1')
        except OSError:
            return False
        return len(found) == len(cluster.nodes)


def dashboard_queries():
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], (target["expr"].replace("$job", "once").replace("$instance", ".*")
                                   .replace("$__rate_interval", "15s"))


def families_in(expression):
    return set(re.findall(r"\b(?:once|process)_[a-z_]+\b", expression))


def scrapes(cluster):
    with Prometheus(cluster) as prometheus:
        wait_for(lambda: prometheus.is_up(cluster), "each node is up", 30, 0.5)
        begun = time.monotonic()
        number = 0
        while time.monotonic() - begun < SCRAPES_S:
            number += 1
            cluster.run("write", f"scraped-{number}", "x")
            cluster.run("read", f"scraped-{number}")
            time.sleep(0.2)
        for series in prometheus.query(f'min_over_time(up{{job="once"}}[{SCRAPES_S}s])'):
            check_equal(series["value"][1], "1", f"all the time: {series}")
        scraped = prometheus.query('sum(count_over_time(up{job="once"}[30s]))')[0]["value"][1]
        check(int(scraped) > 45, f"three nodes a second: {scraped}")
        check_equal(float(prometheus.query("sum(once_has_quorum)")[0]["value"][1]), 3, "quorum")
        check(float(prometheus.query('sum(increase(once_requests_total{op="write",outcome="done"}'
                                     '[30s]))')[0]["value"][1]) > 20, "writes are seen")
        names = set(prometheus.ask("label/__name__/values"))
        for title, expression in dashboard_queries():
            check(families_in(expression) <= names, f"{title}: {expression}")
            check(prometheus.query(expression), f"{title} shows nothing: {expression}")
        rules = prometheus.ask("rules")["groups"][0]["rules"]
        for rule in rules:
            check_equal(rule["health"], "ok", f"{rule['name']}: {rule.get('lastError')}")
            check(families_in(rule["query"]) <= names, rule["query"])
            # The disk of a busy machine may be slow for a while, which is pending.
            check(rule["state"] != "firing", f"all is well: {rule}")
        cluster.nodes[2].kill()
        wait_for(lambda: prometheus.query('up{job="once"} == 0'), "a node that is down", 20, 0.5)
        wait_for(lambda: prometheus.query('ALERTS{alertname="OnceNodeDown",alertstate="pending"}'),
                 "and its alert begins", 20, 0.5)


if __name__ == "__main__":
    given = options()
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        sys.exit("there is no Prometheus: scripts/install-dependencies --prometheus")
    with Cluster(given) as here:
        wait_for(lambda: all(node["in_sync"] == 1 for node in here.status()), "in sync")
        run_steps([("files_are_valid", files_are_valid),
                   ("metrics_are_valid", lambda: metrics_are_valid(here)),
                   ("scrapes", lambda: scrapes(here))])
