// Runs the one case that its argument names; exit status 0 when it holds. Uses hardly anything of the standard
// library, because all of that is compiled first.
package main

import (
	"errors"
	"os"

	"example.org/lru/lru"
)

var failed = false

func check(holds bool, what string) {
	if !holds {
		println("does not hold:", what)
		failed = true
	}
}

func has(cache *lru.Cache, key string) bool {
	_, ok := cache.Get(key)
	return ok
}

var cases = map[string]func(){
	"LeastRecentlyUsedGoesFirst": func() {
		cache, _ := lru.New(2)
		cache.Put("a", 1)
		cache.Put("b", 2)
		cache.Get("a")
		cache.Put("c", 3)
		check(!has(cache, "b"), "b was used least recently and is gone")
		check(has(cache, "a") && has(cache, "c"), "a and c are there")
	},
	"PutReplaces": func() {
		cache, _ := lru.New(2)
		cache.Put("a", 1)
		cache.Put("a", 2)
		value, _ := cache.Get("a")
		check(value == 2, "the later value counts")
		check(cache.Len() == 1, "one key is one entry")
	},
	"Remove": func() {
		cache, _ := lru.New(2)
		cache.Put("a", 1)
		check(cache.Remove("a"), "a was there to be removed")
		check(!cache.Remove("a"), "a can't be removed twice")
		check(cache.Len() == 0, "nothing is left")
	},
	"Stats": func() {
		cache, _ := lru.New(1)
		cache.Put("a", 1)
		cache.Put("b", 1)
		cache.Get("a")
		cache.Get("b")
		stats := cache.Stats()
		check(stats.Hits == 1 && stats.Misses == 1 && stats.Evictions == 1, "one of each was counted")
	},
	"BadCapacity": func() {
		_, err := lru.New(0)
		check(errors.Is(err, lru.ErrCapacity), "a capacity of 0 is refused")
	},
}

func main() {
	run, known := cases[os.Args[1]]
	if !known {
		os.Exit(2)
	}
	run()
	if failed {
		os.Exit(1)
	}
}
