// A peer for bench/phold.ts: PHOLD on the core of ns-3, as its manual has one write it: one event a call of
// `Simulator::Schedule`, with its fastest scheduler for this load. Arguments and standard input are those of wheel.cpp.
// ns-3 gives events of one time in the order in which they were scheduled, so the digest is not that of the others.
#include <ns3/nstime.h>
#include <ns3/object-factory.h>
#include <ns3/simulator.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

class Phold {
 public:
  Phold(uint32_t lps, uint32_t perLp, uint32_t seed, uint64_t warmup, uint64_t events, std::vector<double> delays)
      : counters_(lps), lps_(lps), warmup_(warmup), left_(warmup + events), delays_(std::move(delays)), a_(seed) {
    for (int i = 0; i < 16; i++) draw();
    for (uint32_t lp = 0; lp < lps; lp++)
      for (uint32_t i = 0; i < perLp; i++) send(lp, lp);
  }

  double secondsOfRun() {
    if (warmup_ == 0) start_ = std::chrono::steady_clock::now();
    ns3::Simulator::Run();
    return std::chrono::duration<double>(end_ - start_).count();
  }

  uint32_t hash() const { return hash_; }

 private:
  void handle(uint32_t source, uint32_t lp, uint32_t counter) {
    const uint64_t now = uint64_t(ns3::Simulator::Now().GetTimeStep());
    const uint32_t mixed = (hash_ ^ uint32_t(now)) + (lp ^ (source << 7)) * 0x85ebca6bu;
    hash_ = ((mixed + counter) * 0x9e3779b1u) ^ (hash_ >> 15);
    send(lp, uint32_t((uint64_t(draw()) * lps_) >> 32));
    if (--warmup_ == 0) start_ = std::chrono::steady_clock::now();
    if (--left_ == 0) {
      end_ = std::chrono::steady_clock::now();
      ns3::Simulator::Stop();
    }
  }

  void send(uint32_t from, uint32_t to) {
    const uint32_t bits = draw();
    const double delay = delays_[bits >> 22];
    const double step = delays_[(bits >> 22) + 1] - delay;
    const double remainder = double(bits & 0x3fffffu) * 0x1p-22;
    const uint64_t delayNs = uint64_t(delay) + uint64_t(step * remainder);
    ns3::Simulator::Schedule(ns3::TimeStep(delayNs), &Phold::handle, this, from, to, counters_[from]++);
  }

  uint32_t draw() {
    const uint32_t sum = a_ + b_ + d_++;
    a_ = b_ ^ (b_ >> 9);
    b_ = c_ + (c_ << 3);
    c_ = ((c_ << 21) | (c_ >> 11)) + sum;
    return sum;
  }

  std::vector<uint32_t> counters_;
  uint32_t lps_;
  uint64_t warmup_;
  uint64_t left_;
  std::vector<double> delays_;
  uint32_t a_, b_ = 0x2545f491, c_ = 0x6a09e667, d_ = 1;
  uint32_t hash_ = 0;
  std::chrono::steady_clock::time_point start_, end_;
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

  ns3::Simulator::SetScheduler(ns3::ObjectFactory("ns3::PriorityQueueScheduler"));
  Phold phold(lps, perLp, seed, warmup, events, std::move(delays));
  const double seconds = phold.secondsOfRun();
  long pages = 0;
  if (std::FILE *statm = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(statm, "%*d %ld", &pages) != 1) pages = 0;
    std::fclose(statm);
  }
  std::printf("{\"eventsPerSecond\":%.0f,\"digest\":\"%08x\",\"rssMb\":%ld}\n", double(events) / seconds, phold.hash(),
              pages * (sysconf(_SC_PAGESIZE) / 1024) / 1024);
  std::fflush(stdout);
  _exit(0);  // Millions of pending events need no taking apart.
}
