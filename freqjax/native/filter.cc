// Strict online learning by a Kalman filter, with the equations of freqjax/training/filter/block.py, as one
// loop over rows of a block.
//
// The covariance's root stays triangular: see root.h. Its weights are ordered by weight, then by pair, so
// that those of eight pairs lie side by side; in JAX they are ordered by pair.
//
// Axes: T rows of the block, M inputs, P pairs, n weights of a pair, N = P n.

#include <algorithm>
#include <cstdint>
#include <new>
#include <vector>

#include "numerics.h"
#include "pairs.h"
#include "root.h"
#include "xla/ffi/api/ffi.h"

namespace {

// Numbers of a block, in the order of `_numbers` of freqjax/training/filter/native.py.
struct Numbers {
  float bias, noise, underweight, corrected;
};

// Inputs and outputs of a call.
struct Call {
  int64_t inputs, pairs, weights;  // M, P, n
  int64_t first, last;             // rows
  Numbers numbers;
  const float *x, *target;  // [T, M], [T]
  Fixed fixed;
  Changing<const float> given;
  Changing<float> results;
  const float *root, *losses;  // [N, N], [3]
  float *root_after, *losses_after;
};

void run(const Call& call) {
  const FlushDenormals flushed;
  const int64_t size = call.pairs * call.weights;
  std::vector<Bundle> bundles;
  bundles.reserve((call.pairs + kPairs - 1) / kPairs);
  for (int64_t first = 0; first < call.pairs; first += kPairs)
    bundles.emplace_back(call.inputs, call.pairs, first, call.fixed, call.given);
  std::vector<int64_t> order(size);
  for (int64_t k = 0; k < size; ++k) order[k] = k % call.pairs * call.weights + k / call.pairs;
  Root root(size);
  root.read(call.root, order.data());
  const Numbers& numbers = call.numbers;
  std::copy_n(call.losses, kCopies, call.losses_after);
  for (int64_t row = call.first; row < call.last; ++row) {
    float outputs[kCopies] = {};
    for (Bundle& bundle : bundles)
      bundle.advance(call.x + row * call.inputs, outputs, root.slope());
    float errors[kCopies];
    for (int64_t k = 0; k < kCopies; ++k) {
      errors[k] = call.target[row] - numbers.bias - outputs[k];
      call.losses_after[k] += errors[k] * errors[k];
    }
    const float power = root.project();
    const float least = numbers.underweight * power;
    const float noise = least > numbers.noise ? least : numbers.noise;
    root.update(noise);
    const float factor = errors[0] / (noise + power);
    for (Bundle& bundle : bundles) bundle.change(root.spread(), factor, numbers.corrected);
  }
  for (Bundle& bundle : bundles) bundle.write(call.results);
  root.write(call.root_after, order.data());
}

namespace ffi = xla::ffi;
using Array = ffi::Buffer<ffi::F32>;
using Result = ffi::Result<Array>;

ffi::Error filter(ffi::Buffer<ffi::S32> rows, Array x, Array target, Array numbers, Array biases,
                  Array scales, Array kept, Array candidates, Array trained, Array state,
                  Array sensitivity, Array shadows, Array root, Array losses, Result trained_after,
                  Result state_after, Result sensitivity_after, Result shadows_after,
                  Result root_after, Result losses_after) {
  const float* k = numbers.typed_data();
  try {
    run({x.dimensions()[1],
         trained.dimensions()[0],
         trained.dimensions()[1],
         rows.typed_data()[0],
         rows.typed_data()[1],
         {k[0], k[1], k[2], k[3]},
         x.typed_data(),
         target.typed_data(),
         {biases.typed_data(), scales.typed_data(), kept.typed_data(), candidates.typed_data()},
         {trained.typed_data(), state.typed_data(), sensitivity.typed_data(),
          shadows.typed_data()},
         {trained_after->typed_data(), state_after->typed_data(), sensitivity_after->typed_data(),
          shadows_after->typed_data()},
         root.typed_data(),
         losses.typed_data(),
         root_after->typed_data(),
         losses_after->typed_data()});
  } catch (const std::bad_alloc&) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, "no memory for the native filter");
  }
  return ffi::Error::Success();
}

}  // namespace

// The handler that XLA calls.
XLA_FFI_DEFINE_HANDLER_SYMBOL(freqjax_filter, filter,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>());
