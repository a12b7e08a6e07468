// hiredis: PORT. One line for each operation.
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static redisContext* client;

static void show(char* to, size_t size, const redisReply* reply) {
  if (reply == NULL) {
    snprintf(to, size, "%s", client->errstr);
  } else if (reply->type == REDIS_REPLY_INTEGER) {
    snprintf(to, size, "%lld", reply->integer);
  } else if (reply->type == REDIS_REPLY_NIL) {
    snprintf(to, size, "nil");
  } else if (reply->type == REDIS_REPLY_ARRAY) {
    snprintf(to, size, "%zu: %s %s", reply->elements, reply->element[0]->str,
             reply->element[1]->type == REDIS_REPLY_NIL ? "nil" : "?");
  } else {
    snprintf(to, size, "%s", reply->str);
  }
}

static void tell(const char* operation, const char* wanted, int part, redisReply* reply) {
  char got[256];
  show(got, sizeof got, reply);
  const int well = part ? strstr(got, wanted) != NULL : strcmp(got, wanted) == 0;
  printf("%s\t%s\n", operation, well ? "ok" : got);
  freeReplyObject(reply);
}

int main(int argc, char** argv) {
  client = redisConnect("127.0.0.1", argc > 1 ? atoi(argv[1]) : 0);
  if (client == NULL || client->err) return printf("connect\tno\n"), 1;
  tell("connect", "PONG", 0, redisCommand(client, "PING"));
  tell("set", "OK", 0, redisCommand(client, "SET a 1"));
  tell("set nx", "OK", 0, redisCommand(client, "SET b 1 NX"));
  tell("set nx, lost", "nil", 0, redisCommand(client, "SET b 2 NX"));
  tell("set nx get", "1", 0, redisCommand(client, "SET b 2 NX GET"));
  tell("set ifeq", "OK", 0, redisCommand(client, "SET a 2 IFEQ 1"));
  tell("setnx", "0", 0, redisCommand(client, "SETNX b 3"));
  tell("get", "2", 0, redisCommand(client, "GET a"));
  tell("mget", "2: 2 nil", 0, redisCommand(client, "MGET a no"));
  tell("exists", "1", 0, redisCommand(client, "EXISTS a no"));
  tell("incr", "1", 0, redisCommand(client, "INCR n"));
  tell("incrby", "2", 0, redisCommand(client, "INCRBY n 1"));
  tell("ttl", "-1", 0, redisCommand(client, "TTL a"));
  tell("once.cas", "3", 0, redisCommand(client, "ONCE.CAS a 2 3"));
  for (int i = 0; i < 100; ++i) {
    redisAppendCommand(client, "SET p %d", i);
    redisAppendCommand(client, "GET p");
  }
  redisReply* reply = NULL;
  for (int i = 0; i < 199; ++i) {
    redisGetReply(client, (void**)&reply);
    freeReplyObject(reply);
  }
  redisGetReply(client, (void**)&reply);
  tell("pipeline", "99", 0, reply);
  tell("del", "never deleted", 1, redisCommand(client, "DEL a"));
  tell("set ex", "do not expire", 1, redisCommand(client, "SET l 1 EX 5"));
  redisFree(client);
  return 0;
}
