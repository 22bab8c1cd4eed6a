package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBucketsJoinWithoutGap(t *testing.T) {
	var h histogram
	for i := range len(h.buckets) {
		edge := upperEdge(i)
		if got := bucketOf(edge); got != i {
			t.Fatalf("upper edge %d of bucket %d falls in bucket %d", edge, i, got)
		}
		if edge == math.MaxUint64 {
			continue
		}
		if got := bucketOf(edge + 1); got != i+1 {
			t.Fatalf("%d, one above bucket %d, falls in bucket %d", edge+1, i, got)
		}
	}
}

func TestQuantilesAreWithinTheStatedBound(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h histogram
	var exact []time.Duration
	for range 20000 {
		d := time.Duration(math.Exp(random.Float64()*25)) * time.Nanosecond // 1 ns to 72 s
		h.add(d)
		exact = append(exact, d)
	}
	slices.Sort(exact)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		want := exact[int(math.Ceil(q*float64(len(exact))))-1]
		got := h.quantile(q)
		if got < want || float64(got) > float64(want)*(1+1.0/128) {
			t.Errorf("quantile %v: got %v, exact %v", q, got, want)
		}
	}
}

func TestQuantileOfFewValues(t *testing.T) {
	var h histogram
	if got := h.latency(); got != (Latency{}) {
		t.Errorf("empty: got %v", got)
	}
	h.add(-time.Second) // a clock cannot make this panic
	h.add(3 * time.Second)
	want := Latency{P50Seconds: 0, P90Seconds: 3, P99Seconds: 3, P999Seconds: 3, MaxSeconds: 3}
	if got := h.latency(); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
