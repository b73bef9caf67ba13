// Work divided among threads.

#pragma once

#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "numerics.h"

namespace {

// Call work(thread, first, last) for an equal part each of 0 … count − 1, on `threads` threads, of which the caller's
// is one.
template <typename Work>
void divide(int64_t count, int64_t threads, Work work) {
  std::vector<std::thread> others;
  std::vector<std::exception_ptr> failed(threads);
  const auto part = [&](int64_t thread) {
    const FlushDenormals flushed;
    try {
      work(thread, count * thread / threads, count * (thread + 1) / threads);
    } catch (...) {
      failed[thread] = std::current_exception();
    }
  };
  int64_t begun = 1;
  try {
    others.reserve(threads);
    for (; begun < threads; ++begun) others.emplace_back(part, begun);
  } catch (...) {  // the system gives no more of them: what is left is done here
  }
  part(0);
  for (int64_t thread = begun; thread < threads; ++thread) part(thread);
  for (auto& other : others) other.join();
  for (auto& failure : failed)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace
