<?php
// php-redis: PORT. One line for each operation. An error reply is false there, with a last error.
$client = new Redis();
$client->connect("127.0.0.1", (int)$argv[1]);

function report($operation, $wanted, $act) {
    try {
        $got = $act();
        echo $operation, "\t", $got === $wanted ? "ok" : "got " . json_encode($got), "\n";
    } catch (Exception $e) {
        echo $operation, "\t", $e->getMessage(), "\n";
    }
}

function refused($operation, $word, $act) {
    global $client;
    $client->clearLastError();
    try {
        $act();
        $text = (string)$client->getLastError();
    } catch (Exception $e) {
        $text = $e->getMessage();
    }
    echo $operation, "\t", str_contains($text, $word) ? "ok" : $text, "\n";
}

report("connect", true, fn() => $client->ping());
report("set", true, fn() => $client->set("a", "1"));
report("set nx", true, fn() => $client->set("b", "1", ["nx"]));
report("set nx, lost", false, fn() => $client->set("b", "2", ["nx"]));
report("set nx get", "1", fn() => $client->rawCommand("SET", "b", "2", "NX", "GET"));
report("set ifeq", true, fn() => $client->rawCommand("SET", "a", "2", "IFEQ", "1"));
report("setnx", false, fn() => $client->setnx("b", "3"));
report("get", "2", fn() => $client->get("a"));
report("mget", ["2", false], fn() => $client->mget(["a", "no"]));
report("exists", 1, fn() => $client->exists("a", "no"));
report("incr", 1, fn() => $client->incr("n"));
report("incrby", 2, fn() => $client->incrBy("n", 1));
report("ttl", -1, fn() => $client->ttl("a"));
report("once.cas", 3, fn() => $client->rawCommand("ONCE.CAS", "a", "2", "3"));
report("pipeline", "99", function () use ($client) {
    $all = $client->multi(Redis::PIPELINE);
    for ($i = 0; $i < 100; ++$i) {
        $all->set("p", "$i")->get("p");
    }
    return $all->exec()[199];
});
refused("del", "never deleted", fn() => $client->del("a"));
refused("set ex", "do not expire", fn() => $client->set("l", "1", ["ex" => 5]));
