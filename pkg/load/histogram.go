package load

import (
	"math"
	"math/bits"
	"time"
)

// subBits is the number of bits kept below the leading one: each power of two is cut into
// 128 buckets, so a bucket's upper edge is less than 1/128 (0.8%) above any value in it.
const subBits = 7

// histogram counts durations in logarithmic buckets of nanoseconds: 58 KB whatever is added.
type histogram struct {
	buckets [(64 - subBits) << subBits]int64
	count   int64
	max     time.Duration
}

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucketOf(uint64(d))]++
	h.count++
	h.max = max(h.max, d)
}

// quantile returns the value that the share q (0-1) of the durations does not exceed: never
// below the true one, at most 0.8% above it; 0 when nothing was added.
func (h *histogram) quantile(q float64) time.Duration {
	rank := max(int64(math.Ceil(q*float64(h.count))), 1)
	var seen int64
	for i, n := range h.buckets {
		if seen += n; seen >= rank {
			return min(time.Duration(upperEdge(i)), h.max)
		}
	}
	return h.max
}

func (h *histogram) latency() Latency {
	return Latency{
		P50Seconds:  h.quantile(0.50).Seconds(),
		P90Seconds:  h.quantile(0.90).Seconds(),
		P99Seconds:  h.quantile(0.99).Seconds(),
		P999Seconds: h.quantile(0.999).Seconds(),
		MaxSeconds:  h.max.Seconds(),
	}
}

func bucketOf(v uint64) int {
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift<<subBits + int(v>>shift)
}

func upperEdge(bucket int) uint64 {
	shift := max(bucket>>subBits-1, 0)
	mantissa := uint64(bucket - shift<<subBits)
	return (mantissa+1)<<shift - 1
}
