// Dense sensitivities one sample on, with the equation of freqjax/networks/sensitivities.py where every unit
// is connected to all others:
//
//   J'[f, n] = Σ_g state[f, g, n] J[g, n] + Σ_j couplings[f, j, n] J[h, j], and direct[f] where it is a unit's own
//
// for all columns of J, a row of parameters over the units, and the derivative of the outputs, Σ_n weights[o, n]
// J'[h, n]. It is a matrix product with J[h]; here J is read once and written in its place, while its columns
// are in the second cache, by several threads.
//
// Axes: B streams, F fields of the carry, H hidden, N rows of parameters, O outputs.

#include <algorithm>
#include <cstdint>
#include <exception>

#include "numerics.h"
#include "products.h"
#include "threads.h"
#include "xla/ffi/api/ffi.h"

namespace {

// Units whose sums are kept in registers, and registers of columns that are processed together: as many as a
// processor has.
#if defined(__AVX512F__)
constexpr int64_t kUnits = 8;
#else
constexpr int64_t kUnits = 4;
#endif
constexpr int64_t kRegisters = 3;
constexpr int64_t kWidth = kLanes * kRegisters;

// One stream: J [F, H, N, H], state [F, F, H], couplings [F, H, H], direct [F, N, H], weights [O, H], and the
// derivative of the outputs [O, N, H].
struct Stream {
  int64_t fields, hidden, rows, outputs, place;  // place: of h among the fields
  const float *before, *state, *couplings, *direct, *weights;
  float *after, *of_outputs;

  int64_t columns() const { return rows * hidden; }
};

class Worker {
 public:
  explicit Worker(const Stream& s)
      : s_(s),
        held_(zeros(s.fields * s.hidden * kWidth)),
        sums_(zeros(kUnits * kWidth)),
        of_outputs_(zeros(s.outputs * kWidth)) {}

  // Advance columns first … last − 1.
  void run(int64_t first, int64_t last) {
    for (; first < last; first += kWidth) {
      const int64_t width = std::min(kWidth, last - first);
      for (int64_t k = 0; k < s_.fields * s_.hidden; ++k)
        std::copy_n(s_.before + k * s_.columns() + first, width, held_.get() + k * kWidth);
      for (int64_t field = 0; field < s_.fields; ++field) {
        for (int64_t n = 0; n < s_.hidden; n += kUnits) {
          const int64_t units = std::min(kUnits, s_.hidden - n);
          // The rows of J are far apart, so that no processor fetches the next tile by itself.
          for (int64_t k = 0; k < units && first + width < last; ++k)
            for (int64_t line = 0; line < kRegisters; ++line)
              __builtin_prefetch(s_.before + (field * s_.hidden + n + k) * s_.columns() + first +
                                 width + line * kLanes);
          if (units == kUnits)
            multiply<kUnits>(field, n);
          else
            for (int64_t k = 0; k < units; ++k) multiply<1>(field, n + k, k);
          if (field == s_.place) weigh(n, units);
          for (int64_t k = 0; k < units; ++k)
            std::copy_n(sums_.get() + k * kWidth, width,
                        s_.after + (field * s_.hidden + n + k) * s_.columns() + first);
        }
        // Column r H + n is of parameters of unit n.
        for (int64_t k = first; k < first + width; ++k) {
          const int64_t n = k % s_.hidden;
          const float own = s_.direct[field * s_.columns() + k];
          s_.after[(field * s_.hidden + n) * s_.columns() + k] += own;
          for (int64_t o = 0; o < s_.outputs && field == s_.place; ++o)
            of_outputs_[o * kWidth + k - first] += s_.weights[o * s_.hidden + n] * own;
        }
      }
      for (int64_t o = 0; o < s_.outputs; ++o) {
        float* sum = of_outputs_.get() + o * kWidth;
        std::copy_n(sum, width, s_.of_outputs + o * s_.columns() + first);
        std::fill_n(sum, kWidth, 0.0f);
      }
    }
  }

 private:
  // Compute the columns of units n … n + units − 1 of a field, into `sums_` from its row `at`.
  template <int64_t units>
  void multiply(int64_t field, int64_t n, int64_t at = 0) {
    const int64_t hidden = s_.hidden;
    Lanes sums[units][kRegisters] = {};
    for (int64_t other = 0; other < s_.fields; ++other)
      for (int64_t k = 0; k < units; ++k) {
        const float factor = s_.state[(field * s_.fields + other) * hidden + n + k];
        const Lanes* own = held(other, n + k);
        for (int64_t r = 0; r < kRegisters; ++r) sums[k][r] += factor * own[r];
      }
    const float* factors = s_.couplings + field * hidden * hidden + n;
    for (int64_t j = 0; j < hidden; ++j, factors += hidden) {
      const float* at = held_.get() + (s_.place * hidden + j) * kWidth;
      Lanes source[kRegisters];
      for (int64_t r = 0; r < kRegisters; ++r) source[r] = load_once(at + r * kLanes);
      for (int64_t k = 0; k < units; ++k)
        for (int64_t r = 0; r < kRegisters; ++r) sums[k][r] += factors[k] * source[r];
    }
    Lanes* found = reinterpret_cast<Lanes*>(sums_.get()) + at * kRegisters;
    for (int64_t k = 0; k < units; ++k)
      for (int64_t r = 0; r < kRegisters; ++r) found[k * kRegisters + r] = sums[k][r];
  }

  // Add the columns of units n … n + units − 1, which are in `sums_`, to the outputs.
  void weigh(int64_t n, int64_t units) {
    const Lanes* sums = reinterpret_cast<const Lanes*>(sums_.get());
    for (int64_t o = 0; o < s_.outputs; ++o) {
      Lanes* total = reinterpret_cast<Lanes*>(of_outputs_.get()) + o * kRegisters;
      for (int64_t k = 0; k < units; ++k)
        for (int64_t r = 0; r < kRegisters; ++r)
          total[r] += s_.weights[o * s_.hidden + n + k] * sums[k * kRegisters + r];
    }
  }

  const Lanes* held(int64_t field, int64_t unit) const {
    return reinterpret_cast<const Lanes*>(held_.get() + (field * s_.hidden + unit) * kWidth);
  }

  const Stream& s_;
  Floats held_, sums_, of_outputs_;
};

// Advance all columns of a stream on `threads` threads, each with an equal part in whole tiles.
void advance(const Stream& stream, int64_t threads) {
  const int64_t tiles = (stream.columns() + kWidth - 1) / kWidth;
  threads = std::clamp(tiles / 8, int64_t{1}, threads);
  divide(tiles, threads, [&](int64_t, int64_t first, int64_t last) {
    Worker(stream).run(first * kWidth, std::min(stream.columns(), last * kWidth));
  });
}

namespace ffi = xla::ffi;
using Array = ffi::Buffer<ffi::F32>;
using Result = ffi::Result<Array>;

// Leading axes of all arrays are streams.
ffi::Error sensitivities(int64_t place, int64_t threads, Array memory, Array state,
                         Array couplings, Array direct, Array weights, Result after,
                         Result of_outputs) {
  const auto shape = memory.dimensions();
  const auto* tail = shape.end() - 4;
  const int64_t fields = tail[0], hidden = tail[1], rows = tail[2];
  const int64_t outputs = *(weights.dimensions().end() - 2);
  const int64_t size = fields * hidden * rows * hidden;
  const int64_t streams = size ? memory.element_count() / size : 0;
  try {
    for (int64_t b = 0; b < streams; ++b)
      advance({fields, hidden, rows, outputs, place, memory.typed_data() + b * size,
               state.typed_data() + b * fields * fields * hidden,
               couplings.typed_data() + b * fields * hidden * hidden,
               direct.typed_data() + b * fields * rows * hidden,
               weights.typed_data() + b * outputs * hidden, after->typed_data() + b * size,
               of_outputs->typed_data() + b * outputs * rows * hidden},
              threads);
  } catch (const std::exception& error) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, error.what());
  }
  return ffi::Error::Success();
}

}  // namespace

// The handler that XLA calls; `after` may be `memory`.
XLA_FFI_DEFINE_HANDLER_SYMBOL(freqjax_sensitivities, sensitivities,
                              ffi::Ffi::Bind()
                                  .Attr<int64_t>("place")
                                  .Attr<int64_t>("threads")
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>());
