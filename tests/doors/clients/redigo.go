// redigo: PORT. One line for each operation.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/gomodule/redigo/redis"
)

var client redis.Conn

func report(operation, wanted string, arguments ...interface{}) {
	got, err := client.Do(arguments[0].(string), arguments[1:]...)
	shown := fmt.Sprintf("%s", got)
	if number, ok := got.(int64); ok {
		shown = fmt.Sprint(number)
	} else if got == nil {
		shown = "nil"
	}
	switch {
	case err != nil:
		shown = err.Error()
	case shown == wanted:
		shown = "ok"
	default:
		shown = "got " + shown
	}
	fmt.Printf("%s\t%s\n", operation, shown)
}

func refused(operation, word string, arguments ...interface{}) {
	_, err := client.Do(arguments[0].(string), arguments[1:]...)
	if err != nil && strings.Contains(err.Error(), word) {
		fmt.Printf("%s\tok\n", operation)
	} else {
		fmt.Printf("%s\tgot %v\n", operation, err)
	}
}

func main() {
	var err error
	client, err = redis.Dial("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Printf("connect\t%v\n", err)
		return
	}
	report("connect", "PONG", "PING")
	report("set", "OK", "SET", "a", "1")
	report("set nx", "OK", "SET", "b", "1", "NX")
	report("set nx, lost", "nil", "SET", "b", "2", "NX")
	report("set nx get", "1", "SET", "b", "2", "NX", "GET")
	report("set ifeq", "OK", "SET", "a", "2", "IFEQ", "1")
	report("setnx", "0", "SETNX", "b", "3")
	report("get", "2", "GET", "a")
	report("mget", "[2 <nil>]", "MGET", "a", "no")
	report("exists", "1", "EXISTS", "a", "no")
	report("incr", "1", "INCR", "n")
	report("incrby", "2", "INCRBY", "n", 1)
	report("ttl", "-1", "TTL", "a")
	report("once.cas", "3", "ONCE.CAS", "a", "2", "3")
	last := ""
	for i := 0; i < 100; i++ {
		client.Send("SET", "p", i)
		client.Send("GET", "p")
	}
	client.Flush()
	for i := 0; i < 200; i++ {
		got, err := client.Receive()
		last = fmt.Sprintf("%s %v", got, err)
	}
	if last == "99 <nil>" {
		last = "ok"
	}
	fmt.Printf("pipeline\t%s\n", last)
	refused("del", "never deleted", "DEL", "a")
	refused("set ex", "do not expire", "SET", "l", "1", "EX", 5)
}
