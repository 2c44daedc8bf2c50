package base

import (
	"errors"
	"testing"

	"example.org/lru/lru"
)

func TestLeastRecentlyUsedGoesFirst(t *testing.T) {
	cache, _ := lru.New(2)
	cache.Put("a", 1)
	cache.Put("b", 2)
	cache.Get("a")
	cache.Put("c", 3)
	if _, ok := cache.Get("b"); ok {
		t.Error("b was used least recently and is still there")
	}
	for _, key := range []string{"a", "c"} {
		if _, ok := cache.Get(key); !ok {
			t.Errorf("%s is gone", key)
		}
	}
}

func TestPutReplaces(t *testing.T) {
	cache, _ := lru.New(2)
	cache.Put("a", 1)
	cache.Put("a", 2)
	if value, _ := cache.Get("a"); value != 2 || cache.Len() != 1 {
		t.Errorf("value %v, length %d", value, cache.Len())
	}
}

func TestRemove(t *testing.T) {
	cache, _ := lru.New(2)
	cache.Put("a", 1)
	if !cache.Remove("a") || cache.Remove("a") || cache.Len() != 0 {
		t.Error("Remove tells the wrong thing")
	}
}

func TestStats(t *testing.T) {
	cache, _ := lru.New(1)
	cache.Put("a", 1)
	cache.Put("b", 1)
	cache.Get("a")
	cache.Get("b")
	stats := cache.Stats()
	if stats.Hits != 1 || stats.Misses != 1 || stats.Evictions != 1 {
		t.Errorf("stats %+v", stats)
	}
}

func TestBadCapacity(t *testing.T) {
	if _, err := lru.New(0); !errors.Is(err, lru.ErrCapacity) {
		t.Errorf("error %v", err)
	}
}
