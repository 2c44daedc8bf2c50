// Package lru is a cache that forgets what was not used for the longest time.
package lru

import (
	"container/list"
	"errors"
	"sync"
)

// ErrCapacity is returned for a capacity that can hold nothing.
var ErrCapacity = errors.New("lru: capacity must be at least 1")

// Stats counts what happened to a cache since it was made.
type Stats struct {
	Hits      int
	Misses    int
	Evictions int
}

type entry struct {
	key   string
	value any
}

// Cache is safe for concurrent use.
type Cache struct {
	mu       sync.Mutex
	capacity int
	order    *list.List // of *entry, most recently used first
	byKey    map[string]*list.Element
	stats    Stats
}

// New makes a cache for capacity entries.
func New(capacity int) (*Cache, error) {
	if capacity < 1 {
		return nil, ErrCapacity
	}
	return &Cache{capacity: capacity, order: list.New(), byKey: make(map[string]*list.Element)}, nil
}

// Put stores a value and makes it the most recently used one.
func (c *Cache) Put(key string, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.byKey[key]; ok {
		element.Value.(*entry).value = value
		c.order.MoveToFront(element)
		return
	}
	if c.order.Len() >= c.capacity {
		c.remove(c.order.Back())
		c.stats.Evictions++
	}
	c.byKey[key] = c.order.PushFront(&entry{key: key, value: value})
}

// Get returns a value and makes it the most recently used one.
func (c *Cache) Get(key string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byKey[key]
	if !ok {
		c.stats.Misses++
		return nil, false
	}
	c.stats.Hits++
	c.order.MoveToFront(element)
	return element.Value.(*entry).value, true
}

// Remove forgets a key and tells whether it was there.
func (c *Cache) Remove(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byKey[key]
	if ok {
		c.remove(element)
	}
	return ok
}

// Len is the number of entries.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}

// Stats returns the counters so far.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

func (c *Cache) remove(element *list.Element) {
	c.order.Remove(element)
	delete(c.byKey, element.Value.(*entry).key)
}
