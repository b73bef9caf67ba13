// Rates of this machine that bound a loop: bandwidth of reading and of updating an array, and multiply-adds.

#include <cstdint>

#include "../freqjax/native/numerics.h"  // size of a register

namespace {

// Independent sums, enough to hide the latency of an addition.
constexpr int64_t kSums = 12;

float total(const Lanes* sums) {
  float sum = 0;
  for (int64_t k = 0; k < kSums; ++k)
    for (int64_t lane = 0; lane < kLanes; ++lane) sum += sums[k][lane];
  return sum;
}

}  // namespace

// The arrays hold a multiple of 16 · 12 numbers, and begin at a multiple of 64 bytes.

extern "C" float read_array(const float* array, int64_t numbers, int64_t times) {
  const Lanes* at = reinterpret_cast<const Lanes*>(array);
  Lanes sums[kSums] = {};
  for (int64_t time = 0; time < times; ++time) {
    for (int64_t k = 0; k < numbers / kLanes; k += kSums)
      for (int64_t s = 0; s < kSums; ++s) sums[s] += at[k + s];
    asm volatile("" ::: "memory");
  }
  return total(sums);
}

extern "C" void update_array(float* array, int64_t numbers, int64_t times) {
  Lanes* at = reinterpret_cast<Lanes*>(array);
  for (int64_t time = 0; time < times; ++time) {
    for (int64_t k = 0; k < numbers / kLanes; ++k) at[k] = at[k] * 0.5f;
    asm volatile("" ::: "memory");
  }
}

// Make 16 · 12 multiply-adds `times` times.
extern "C" float multiply_add(float factor, float term, int64_t times) {
  const Lanes x = Lanes{} + factor, y = Lanes{} + term;
  Lanes sums[kSums];
  for (int64_t s = 0; s < kSums; ++s) sums[s] = y + static_cast<float>(s);  // all different, or the compiler keeps one
  for (int64_t time = 0; time < times * 16 / kLanes; ++time)
    for (int64_t s = 0; s < kSums; ++s) sums[s] = sums[s] * x + y;
  return total(sums);
}
