// Work divided among threads.

#pragma once

#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "numerics.h"

namespace {

// Call work(thread, first, last) for an equal part each of 0 … count − 1, on as many threads, this one included.
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
  for (int64_t thread = 1; thread < threads; ++thread) others.emplace_back(part, thread);
  part(0);
  for (auto& other : others) other.join();
  for (auto& failure : failed)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace
