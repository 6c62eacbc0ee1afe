// The bound for bench/phold.ts: PHOLD on a three-level timing wheel of chunks, as plain and as fast as C++ allows.
// Arguments: processes, events pending for each, events, events of warm-up, seed. Standard input: the table of delays.
// The wheel knows the load, so the width of its buckets is right from the start and nothing lies beyond its levels.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

struct alignas(32) Event {
  uint64_t time;
  uint64_t counter;
  int32_t source;
  int32_t slot;
  uint32_t kind;
  uint32_t link;  // of a chunk's first event: end of the chain before this chunk
};

inline bool comesBefore(const Event &a, const Event &b) {
  if (a.time != b.time) return a.time < b.time;
  if (a.source != b.source) return a.source < b.source;
  return a.counter < b.counter;
}

class Wheel {
 public:
  Wheel(size_t pending, unsigned shift) : shift_(shift) {
    // Room for every event and a partly filled chunk in each bucket; pages not touched cost nothing.
    const size_t events = (pending / kChunk + 3 * kBuckets + 16) * kChunk * 2;
    events_ = static_cast<Event *>(std::aligned_alloc(4096, (events * sizeof(Event) + 4095) & ~size_t(4095)));
    if (events_ == nullptr) std::abort();
  }
  ~Wheel() { std::free(events_); }
  Wheel(const Wheel &) = delete;
  Wheel &operator=(const Wheel &) = delete;

  inline void push(const Event &event) {
    const uint64_t tick = event.time >> shift_;
    if (tick <= tick_) {
      late_.push_back(event);
      std::push_heap(late_.begin(), late_.end(), [](const Event &a, const Event &b) { return comesBefore(b, a); });
      return;
    }
    place(event, tick);
  }

  inline const Event &pop() {
    if (!late_.empty() && (next_ == end_ || comesBefore(late_.front(), open_[next_]))) {
      std::pop_heap(late_.begin(), late_.end(), [](const Event &a, const Event &b) { return comesBefore(b, a); });
      popped_ = late_.back();
      late_.pop_back();
      return popped_;
    }
    if (next_ == end_) advance();
    return open_[next_++];
  }

 private:
  static constexpr uint32_t kBuckets = 1024;
  static constexpr uint32_t kChunk = 16;

  inline void place(const Event &event, uint64_t tick) {
    const uint64_t distance = tick ^ tick_;
    uint32_t bucket;
    if (distance < (1u << 10)) bucket = tick & 1023;
    else if (distance < (1u << 20)) bucket = kBuckets + ((tick >> 10) & 1023);
    else if (distance < (1u << 30)) bucket = 2 * kBuckets + ((tick >> 20) & 1023);
    else std::abort();
    uint32_t position = cursors_[bucket];
    uint32_t link = 0;
    if ((position & (kChunk - 1)) == 0) {
      if (position == 0) occupied_[bucket >> 6] |= uint64_t(1) << (bucket & 63);
      link = position;
      if (free_ != 0) {
        position = (free_ - 1) & ~(kChunk - 1);
        free_ = events_[position].link;
      } else {
        position = used_;
        used_ += kChunk;
      }
    }
    cursors_[bucket] = position + 1;
    events_[position] = event;
    events_[position].link = link;
  }

  // First occupied bucket in [start, end), or -1; `end` is a multiple of 64.
  inline int find(uint32_t start, uint32_t end) const {
    if (start >= end) return -1;
    uint32_t word = start >> 6;
    uint64_t bits = occupied_[word] & (~uint64_t(0) << (start & 63));
    while (bits == 0) {
      if (++word >= end >> 6) return -1;
      bits = occupied_[word];
    }
    return int(word * 64) + __builtin_ctzll(bits);
  }

  inline uint32_t take(uint32_t bucket) {
    const uint32_t position = cursors_[bucket];
    cursors_[bucket] = 0;
    occupied_[bucket >> 6] &= ~(uint64_t(1) << (bucket & 63));
    return position;
  }

  inline uint32_t release(uint32_t first) {
    const uint32_t position = events_[first].link;
    events_[first].link = free_;
    free_ = first + kChunk;
    return position;
  }

  void cascade(uint32_t position) {
    while (position != 0) {
      const uint32_t first = (position - 1) & ~(kChunk - 1);
      const uint32_t link = events_[first].link;
      if (link != 0) {
        const char *ahead = reinterpret_cast<const char *>(&events_[(link - 1) & ~(kChunk - 1)]);
        for (int line = 0; line < 8; line++) __builtin_prefetch(ahead + 64 * line);
      }
      for (uint32_t i = first; i < position; i++) place(events_[i], events_[i].time >> shift_);
      position = release(first);
    }
  }

  void open(uint32_t position) {
    uint32_t count = 0;
    while (position != 0) {
      const uint32_t first = (position - 1) & ~(kChunk - 1);
      if (open_.size() < count + kChunk) open_.resize(2 * (count + kChunk));
      for (uint32_t at = first; at < position; at++) {
        const Event event = events_[at];
        uint32_t i = count++;
        for (; i > 0 && comesBefore(event, open_[i - 1]); i--) open_[i] = open_[i - 1];
        open_[i] = event;
      }
      position = release(first);
    }
    next_ = 0;
    end_ = count;
  }

  void advance() {
    bool inclusive = false;
    for (;;) {
      int bucket = find(uint32_t(tick_ & 1023) + (inclusive ? 0 : 1), kBuckets);
      if (bucket >= 0) {
        tick_ = (tick_ & ~uint64_t(1023)) | uint32_t(bucket);
        open(take(bucket));
        return;
      }
      inclusive = true;
      bucket = find(kBuckets + uint32_t((tick_ >> 10) & 1023) + 1, 2 * kBuckets);
      if (bucket >= 0) {
        tick_ = (tick_ & ~uint64_t(0xfffff)) | (uint64_t(bucket - kBuckets) << 10);
      } else {
        bucket = find(2 * kBuckets + uint32_t((tick_ >> 20) & 1023) + 1, 3 * kBuckets);
        if (bucket < 0) std::abort();
        tick_ = (tick_ & ~uint64_t(0x3fffffff)) | (uint64_t(bucket - 2 * kBuckets) << 20);
      }
      cascade(take(bucket));
    }
  }

  unsigned shift_;
  uint64_t tick_ = 0;
  Event *events_;
  uint32_t used_ = 0;
  uint32_t free_ = 0;
  uint32_t cursors_[3 * kBuckets] = {};
  uint64_t occupied_[3 * kBuckets / 64] = {};
  std::vector<Event> open_{64};
  uint32_t next_ = 0;
  uint32_t end_ = 0;
  std::vector<Event> late_;
  Event popped_{};
};

class Phold {
 public:
  Phold(uint32_t lps, uint32_t perLp, uint32_t seed, const std::vector<double> &delays, unsigned shift)
      : wheel_(size_t(lps) * perLp, shift), counters_(lps), lps_(lps), delays_(delays), a_(seed) {
    for (int i = 0; i < 16; i++) draw();
    for (uint32_t lp = 0; lp < lps; lp++)
      for (uint32_t i = 0; i < perLp; i++) send(0, lp, lp);
  }

  void run(uint64_t events) {
    for (uint64_t i = 0; i < events; i++) {
      const Event event = wheel_.pop();
      const uint32_t lp = uint32_t(event.slot);
      const uint32_t mixed =
          (hash_ ^ uint32_t(event.time)) + (lp ^ (uint32_t(event.source) << 7)) * 0x85ebca6bu;
      hash_ = ((mixed + uint32_t(event.counter)) * 0x9e3779b1u) ^ (hash_ >> 15);
      send(event.time, lp, uint32_t((uint64_t(draw()) * lps_) >> 32));
    }
  }

  uint32_t hash() const { return hash_; }

 private:
  inline void send(uint64_t now, uint32_t from, uint32_t to) {
    const uint32_t bits = draw();
    const double delay = delays_[bits >> 22];
    const double step = delays_[(bits >> 22) + 1] - delay;
    const double remainder = double(bits & 0x3fffffu) * 0x1p-22;
    const uint64_t time = now + uint64_t(delay) + uint64_t(step * remainder);
    wheel_.push({time, counters_[from]++, int32_t(from), int32_t(to), 0, 0});
  }

  inline uint32_t draw() {
    const uint32_t sum = a_ + b_ + d_++;
    a_ = b_ ^ (b_ >> 9);
    b_ = c_ + (c_ << 3);
    c_ = ((c_ << 21) | (c_ >> 11)) + sum;
    return sum;
  }

  Wheel wheel_;
  std::vector<uint32_t> counters_;
  uint32_t lps_;
  const std::vector<double> &delays_;
  uint32_t a_, b_ = 0x2545f491, c_ = 0x6a09e667, d_ = 1;
  uint32_t hash_ = 0;
};

}  // namespace

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  const uint32_t lps = uint32_t(std::atoll(argv[1]));
  const uint32_t perLp = uint32_t(std::atoll(argv[2]));
  const uint64_t events = uint64_t(std::atoll(argv[3]));
  const uint64_t warmup = uint64_t(std::atoll(argv[4]));
  const uint32_t seed = uint32_t(std::atoll(argv[5]));
  std::vector<double> delays;
  for (double delay; std::scanf("%lf", &delay) == 1;) delays.push_back(delay);
  if (delays.size() != 1025) return 2;

  const double gapNs = 1.1e9 / (double(lps) * perLp);
  const double perBucket = 12;
  const unsigned shift = unsigned(std::max(0.0, std::round(std::log2(perBucket * gapNs))));
  Phold phold(lps, perLp, seed, delays, shift);
  phold.run(warmup);
  const auto start = std::chrono::steady_clock::now();
  phold.run(events);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  long pages = 0;
  if (std::FILE *statm = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(statm, "%*d %ld", &pages) != 1) pages = 0;
    std::fclose(statm);
  }
  std::printf("{\"eventsPerSecond\":%.0f,\"digest\":\"%08x\",\"rssMb\":%ld}\n", double(events) / seconds.count(),
              phold.hash(), pages * (sysconf(_SC_PAGESIZE) / 1024) / 1024);
}
