// lrustat replays keys, one a line, through a cache and prints what it counted.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"

	"example.org/lru/lru"
)

func main() {
	capacity := flag.Int("capacity", 100, "entries that the cache holds")
	flag.Parse()
	cache, err := lru.New(*capacity)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		key := lines.Text()
		if _, ok := cache.Get(key); !ok {
			cache.Put(key, struct{}{})
		}
	}
	fmt.Printf("%+v\n", cache.Stats())
}
