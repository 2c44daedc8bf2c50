// Runs the one case that its argument names; exit status 0 when it holds. Uses hardly anything of the standard
// library, because all of that is compiled first.
package main

import (
	"os"
	"strconv"
	"sync"
	"time"

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

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newCache(capacity int) (*lru.Cache, *clock) {
	c := &clock{now: time.Unix(1_000_000, 0)}
	cache, err := lru.New(capacity, lru.WithClock(c.Now))
	check(err == nil, "a cache can be made")
	return cache, c
}

var cases = map[string]func(){
	"ExpiredEntriesAreGone": func() {
		cache, c := newCache(4)
		cache.PutFor("a", 1, time.Second)
		value, ok := cache.Get("a")
		check(ok && value == 1, "a is there before its time is over")
		c.advance(2 * time.Second)
		check(!has(cache, "a"), "a is gone after its time")
		check(!cache.Remove("a"), "Get removed the expired entry")
	},
	"AnEntryLivesUntilItsLastInstant": func() {
		cache, c := newCache(4)
		cache.PutFor("a", 1, time.Second)
		c.advance(time.Second)
		check(has(cache, "a"), "a is there at the last instant of its time")
		c.advance(1)
		check(!has(cache, "a"), "a is gone a nanosecond later")
	},
	"PutAgainForgetsTheOldTTL": func() {
		cache, c := newCache(4)
		cache.PutFor("a", 1, time.Second)
		cache.Put("a", 2)
		cache.Put("b", 1)
		cache.PutFor("b", 2, time.Second)
		c.advance(time.Minute)
		check(has(cache, "a"), "the later Put of a never expires")
		check(!has(cache, "b"), "the later PutFor of b expires")
	},
	"NoTTLNeverExpires": func() {
		cache, c := newCache(4)
		cache.PutFor("zero", 1, 0)
		cache.PutFor("negative", 1, -time.Second)
		cache.Put("plain", 1)
		c.advance(1000 * time.Hour)
		check(has(cache, "zero") && has(cache, "negative") && has(cache, "plain"), "all are still there")
	},
	"ExpiredEntriesGoBeforeLiveOnes": func() {
		cache, c := newCache(3)
		cache.Put("old", 1)
		cache.Put("middle", 1)
		cache.PutFor("short", 1, time.Second)
		c.advance(time.Minute)
		cache.Put("new", 1)
		check(has(cache, "old") && has(cache, "middle") && has(cache, "new"), "no live entry had to go")
		stats := cache.Stats()
		check(stats.Evictions == 0 && stats.Expirations == 1, "that was an expiration, no eviction")
	},
	"LenCountsLiveEntries": func() {
		cache, c := newCache(4)
		cache.Put("a", 1)
		cache.PutFor("b", 1, time.Second)
		check(cache.Len() == 2, "both count")
		c.advance(time.Minute)
		check(cache.Len() == 1, "the expired one doesn't")
	},
	"PurgeTellsHowManyWent": func() {
		cache, c := newCache(8)
		for i := 0; i < 3; i++ {
			cache.PutFor(strconv.Itoa(i), i, time.Second)
		}
		cache.Put("kept", 1)
		check(cache.Purge() == 0, "nothing is purged too early")
		c.advance(time.Minute)
		check(cache.Purge() == 3, "three are purged")
		check(cache.Purge() == 0, "none a second time")
		check(has(cache, "kept"), "the live one is kept")
	},
	"StatsCountExpirations": func() {
		cache, c := newCache(2)
		cache.PutFor("a", 1, time.Second)
		cache.PutFor("b", 1, time.Second)
		c.advance(time.Minute)
		has(cache, "a")
		cache.Purge()
		stats := cache.Stats()
		check(stats.Expirations == 2 && stats.Evictions == 0, "two expirations, no eviction")
		check(stats.Misses == 1 && stats.Hits == 0, "one miss, no hit")
	},
	"ConcurrentUse": func() {
		cache, c := newCache(16)
		var group sync.WaitGroup
		for worker := 0; worker < 8; worker++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for i := 0; i < 500; i++ {
					key := strconv.Itoa(i % 32)
					cache.PutFor(key, i, time.Duration(i%5)*time.Millisecond)
					cache.Get(key)
					cache.Len()
					cache.Purge()
					c.advance(time.Microsecond)
				}
			}()
		}
		group.Wait()
		check(cache.Len() <= 16, "the capacity holds")
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
