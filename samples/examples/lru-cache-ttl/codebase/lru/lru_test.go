package lru

import "testing"

func TestPutAndGet(t *testing.T) {
	cache, err := New(2)
	if err != nil {
		t.Fatal(err)
	}
	cache.Put("a", 1)
	if value, ok := cache.Get("a"); !ok || value != 1 {
		t.Fatalf("Get(a) = %v, %v", value, ok)
	}
	if _, ok := cache.Get("b"); ok {
		t.Fatal("b was never put")
	}
}
