# ruby-redis: PORT. One line for each operation.
require "redis"

$client = Redis.new(port: ARGV[0].to_i)

def report(operation, wanted)
  got = yield
  puts "#{operation}\t#{got == wanted ? 'ok' : "got #{got.inspect}"}"
rescue StandardError => e
  puts "#{operation}\t#{e.message}"
end

def refused(operation, word)
  puts "#{operation}\tgot #{yield.inspect}"
rescue StandardError => e
  puts "#{operation}\t#{e.message.include?(word) ? 'ok' : e.message}"
end

report("connect", "PONG") { $client.ping }
report("set", "OK") { $client.set("a", "1") }
report("set nx", true) { $client.set("b", "1", nx: true) }
report("set nx, lost", false) { $client.set("b", "2", nx: true) }
report("set nx get", "1") { $client.call("SET", "b", "2", "NX", "GET") }
report("set ifeq", "OK") { $client.call("SET", "a", "2", "IFEQ", "1") }
report("setnx", false) { $client.setnx("b", "3") }
report("get", "2") { $client.get("a") }
report("mget", ["2", nil]) { $client.mget("a", "no") }
report("exists", 1) { $client.exists("a", "no") }
report("incr", 1) { $client.incr("n") }
report("incrby", 2) { $client.incrby("n", 1) }
report("ttl", -1) { $client.ttl("a") }
report("once.cas", 3) { $client.call("ONCE.CAS", "a", "2", "3") }
report("pipeline", "99") do
  $client.pipelined { |all| 100.times { |i| all.set("p", i); all.get("p") } }.last
end
refused("del", "never deleted") { $client.del("a") }
refused("set ex", "do not expire") { $client.set("l", "1", ex: 5) }
