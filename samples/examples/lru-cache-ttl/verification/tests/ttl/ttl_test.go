package ttl

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"example.org/lru/lru"
)

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

func make(t *testing.T, capacity int) (*lru.Cache, *clock) {
	t.Helper()
	c := &clock{now: time.Unix(1_000_000, 0)}
	cache, err := lru.New(capacity, lru.WithClock(c.Now))
	if err != nil {
		t.Fatal(err)
	}
	return cache, c
}

func has(cache *lru.Cache, key string) bool {
	_, ok := cache.Get(key)
	return ok
}

func TestExpiredEntriesAreGone(t *testing.T) {
	cache, c := make(t, 4)
	cache.PutFor("a", 1, time.Second)
	if value, ok := cache.Get("a"); !ok || value != 1 {
		t.Fatal("a is not there before its time is over")
	}
	c.advance(2 * time.Second)
	if has(cache, "a") {
		t.Error("a is there after its time")
	}
	if cache.Remove("a") {
		t.Error("an expired entry was still kept after Get")
	}
}

func TestAnEntryLivesUntilItsLastInstant(t *testing.T) {
	cache, c := make(t, 4)
	cache.PutFor("a", 1, time.Second)
	c.advance(time.Second)
	if !has(cache, "a") {
		t.Error("a is gone at the last instant of its time")
	}
	c.advance(1)
	if has(cache, "a") {
		t.Error("a is there a nanosecond too long")
	}
}

func TestPutAgainForgetsTheOldTTL(t *testing.T) {
	cache, c := make(t, 4)
	cache.PutFor("a", 1, time.Second)
	cache.Put("a", 2)
	cache.Put("b", 1)
	cache.PutFor("b", 2, time.Second)
	c.advance(time.Minute)
	if !has(cache, "a") || has(cache, "b") {
		t.Error("the later Put does not decide")
	}
}

func TestNoTTLNeverExpires(t *testing.T) {
	cache, c := make(t, 4)
	cache.PutFor("zero", 1, 0)
	cache.PutFor("negative", 1, -time.Second)
	cache.Put("plain", 1)
	c.advance(1000 * time.Hour)
	for _, key := range []string{"zero", "negative", "plain"} {
		if !has(cache, key) {
			t.Errorf("%s expired", key)
		}
	}
}

func TestExpiredEntriesGoBeforeLiveOnes(t *testing.T) {
	cache, c := make(t, 3)
	cache.Put("old", 1)
	cache.Put("middle", 1)
	cache.PutFor("short", 1, time.Second)
	c.advance(time.Minute)
	cache.Put("new", 1)
	for _, key := range []string{"old", "middle", "new"} {
		if !has(cache, key) {
			t.Errorf("%s had to go while an expired entry was there", key)
		}
	}
	if stats := cache.Stats(); stats.Evictions != 0 || stats.Expirations != 1 {
		t.Errorf("stats %+v", stats)
	}
}

func TestLenCountsLiveEntries(t *testing.T) {
	cache, c := make(t, 4)
	cache.Put("a", 1)
	cache.PutFor("b", 1, time.Second)
	if cache.Len() != 2 {
		t.Errorf("length %d", cache.Len())
	}
	c.advance(time.Minute)
	if cache.Len() != 1 {
		t.Errorf("length %d after one expired", cache.Len())
	}
}

func TestPurgeTellsHowManyWent(t *testing.T) {
	cache, c := make(t, 8)
	for i := 0; i < 3; i++ {
		cache.PutFor(strconv.Itoa(i), i, time.Second)
	}
	cache.Put("kept", 1)
	if n := cache.Purge(); n != 0 {
		t.Errorf("%d purged too early", n)
	}
	c.advance(time.Minute)
	if n := cache.Purge(); n != 3 {
		t.Errorf("%d purged, not 3", n)
	}
	if n := cache.Purge(); n != 0 || !has(cache, "kept") {
		t.Errorf("%d purged a second time", n)
	}
}

func TestStatsCountExpirations(t *testing.T) {
	cache, c := make(t, 2)
	cache.PutFor("a", 1, time.Second)
	cache.PutFor("b", 1, time.Second)
	c.advance(time.Minute)
	has(cache, "a")
	cache.Purge()
	stats := cache.Stats()
	if stats.Expirations != 2 || stats.Evictions != 0 || stats.Misses != 1 || stats.Hits != 0 {
		t.Errorf("stats %+v", stats)
	}
}

func TestConcurrentUse(t *testing.T) {
	cache, c := make(t, 16)
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
	if cache.Len() > 16 {
		t.Errorf("length %d beyond the capacity", cache.Len())
	}
}
