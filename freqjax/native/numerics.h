// Arithmetic and memory of the native loops.

#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

// Numbers of one register: compilers make many small steps of operations on larger ones.
#if defined(__AVX512F__)
constexpr int64_t kLanes = 16;
#else
constexpr int64_t kLanes = 8;
#endif
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));

// eˣ − 1, so that small results keep their digits; NaN stays NaN. x = n ln 2 + r, and a series in r.
inline float expm1f_(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const float n = std::nearbyint(x * 1.44269504f);
  // ln 2 in two parts, the first of few digits, so that n times it is exact.
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float series = 1.0f / 5040;
  series = series * r + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  series = (series * r) * r + r;
  const float power = std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
  return power * series + (power - 1.0f);
}

inline float sigmoid(float x) { return 1.0f / (2.0f + expm1f_(-x)); }

inline float tanhf_(float x) {
  const float e = expm1f_(-2.0f * std::fabs(x));
  return std::copysign(e / (2.0f + e), x);
}

inline float dot(const float* a, const float* b, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < n; ++k) sum += a[k] * b[k];
  return sum;
}

// Flushes denormal numbers to zero during its lifetime, as XLA does: moments decay to denormals, and each
// operation on one costs about a hundred cycles.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(before_ | (uint64_t{1} << 24)));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }

 private:
  uint64_t before_;
#endif
};

struct Free {
  void operator()(float* at) const { std::free(at); }
};
using Floats = std::unique_ptr<float[], Free>;

Floats zeros(int64_t count) {
  const size_t bytes = (static_cast<size_t>(count) * sizeof(float) / 64 + 1) * 64;
  void* at = std::aligned_alloc(64, bytes);
  if (at == nullptr) throw std::bad_alloc();
  std::memset(at, 0, bytes);
  return Floats(static_cast<float*>(at));
}

}  // namespace
