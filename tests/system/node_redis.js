// What node-redis of Debian does with a node: prints ok.
const assert = require("assert");
const { createClient } = require("redis");

async function main() {
  const client = createClient({ url: `redis://127.0.0.1:${process.argv[2]}`, name: "js" });
  await client.connect();
  assert.strictEqual(await client.set("js", "first", { NX: true }), "OK");
  assert.strictEqual(await client.set("js", "second", { NX: true }), null);
  assert.strictEqual(await client.set("js", "second", { NX: true, GET: true }), "first");
  assert.strictEqual(await client.get("js"), "first");
  assert.deepStrictEqual(await client.mGet(["js", "js-no"]), ["first", null]);
  assert.strictEqual(await client.incr("js-number"), 1);
  assert.strictEqual(await client.incrBy("js-number", 1), 2);
  assert.strictEqual(await client.exists("js"), 1);
  await assert.rejects(client.del("js"), /never deleted/);
  await assert.rejects(client.set("js-lock", "x", { NX: true, EX: 5 }), /do not expire/);
  const many = Array.from({ length: 500 }, (_, i) => client.set(`js-${i}`, `${i}`));
  assert.deepStrictEqual(await Promise.all(many), many.map(() => "OK"));
  await client.quit();
  console.log("ok");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
