// ioredis and iovalkey: PACKAGE PORT. One line for each operation.
const { report } = require("./report.js");
const [, , package_, port] = process.argv;
const loaded = require(package_);
const Client = loaded.default || loaded;

async function main() {
  const client = new Client({ port: Number(port), host: "127.0.0.1", lazyConnect: true });
  client.on("error", () => {});
  await report("connect", () => client.connect(), undefined);
  await report("set", () => client.set("a", "1"), "OK");
  await report("set nx", () => client.set("b", "1", "NX"), "OK");
  await report("set nx, lost", () => client.set("b", "2", "NX"), null);
  await report("set nx get", () => client.set("b", "2", "NX", "GET"), "1");
  await report("set ifeq", () => client.call("SET", "a", "2", "IFEQ", "1"), "OK");
  await report("setnx", () => client.setnx("b", "3"), 0);
  await report("get", () => client.get("a"), "2");
  await report("mget", () => client.mget("a", "no"), ["2", null]);
  await report("exists", () => client.exists("a", "no"), 1);
  await report("incr", () => client.incr("n"), 1);
  await report("incrby", () => client.incrby("n", 1), 2);
  await report("ttl", () => client.ttl("a"), -1);
  await report("once.cas", () => client.call("ONCE.CAS", "a", "2", "3"), 3);
  await report("pipeline", async () => {
    const all = client.pipeline();
    for (let i = 0; i < 100; ++i) all.set("p", i).get("p");
    return (await all.exec())[199][1];
  }, "99");
  await report.refused("del", () => client.del("a"), "never deleted");
  await report.refused("set ex", () => client.set("l", "1", "EX", 5), "do not expire");
  await client.quit();
}

main();
