// node-redis: PACKAGE PORT. One line for each operation.
const { report } = require("./report.js");
const [, , package_, port] = process.argv;
const { createClient } = require(package_);

async function main() {
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  client.on("error", () => {});
  await report("connect", () => client.connect(), undefined);
  await report("set", () => client.set("a", "1"), "OK");
  await report("set nx", () => client.set("b", "1", { NX: true }), "OK");
  await report("set nx, lost", () => client.set("b", "2", { NX: true }), null);
  await report("set nx get", () => client.set("b", "2", { NX: true, GET: true }), "1");
  await report("set ifeq", () => client.sendCommand(["SET", "a", "2", "IFEQ", "1"]), "OK");
  await report("setnx", () => client.setNX("b", "3"), [0, false]);
  await report("get", () => client.get("a"), "2");
  await report("mget", () => client.mGet(["a", "no"]), ["2", null]);
  await report("exists", () => client.exists(["a", "no"]), 1);
  await report("incr", () => client.incr("n"), 1);
  await report("incrby", () => client.incrBy("n", 1), 2);
  await report("ttl", () => client.ttl("a"), -1);
  await report("once.cas", () => client.sendCommand(["ONCE.CAS", "a", "2", "3"]), 3);
  await report("pipeline", async () => {
    const all = [];
    for (let i = 0; i < 100; ++i) all.push(client.set("p", `${i}`), client.get("p"));
    return (await Promise.all(all))[199];
  }, "99");
  await report.refused("del", () => client.del("a"), "never deleted");
  await report.refused("set ex", () => client.set("l", "1", { EX: 5 }), "do not expire");
  await (client.close ? client.close() : client.quit());
}

main();
