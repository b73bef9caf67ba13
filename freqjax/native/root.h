// Square root of a covariance under scalar observations: Carlson's update of a triangle (Bierman 1977,
// chapter V).
//
// The covariance is S Sᵀ with S upper triangular. An observation of slope h and noise r is
//
//   p = Sᵀ h;  α_j = r + p_1² + … + p_j²;  β_j = √(α_{j-1} / α_j);  γ_j = p_j / √(α_{j-1} α_j)
//   for every column j in turn, with b = 0 before the first:
//     S_j, b ← β_j S_j − γ_j b, b + p_j S_j            at the end b = S p of the old S
//
// which equals Potter's update of a full root in exact arithmetic, at half its memory and two thirds of its
// operations. Both passes are bound by the bandwidth of the second cache, so S is stored in the order in
// which they read it: by groups of kColumns columns, and in a group by chunks of kLanes rows. The part of a
// group's last chunk below the diagonal is zero and stays zero.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "numerics.h"

namespace {

constexpr int64_t kColumns = 8;

typedef float Column __attribute__((vector_size(kColumns * sizeof(float))));

class Root {
 public:
  explicit Root(int64_t size)
      : size_(size),
        groups_((size + kColumns - 1) / kColumns),
        lanes_((size + kLanes - 1) / kLanes * kLanes),
        tiles_(zeros(begin(groups_) * kTile)),
        spread_(zeros(lanes_)),
        slope_(zeros(lanes_)),
        projected_(zeros(padded())),
        powers_(zeros(groups_)),
        alpha_(zeros(padded() + 1)),
        kept_(zeros(padded())),
        moved_(zeros(padded())) {}

  // The slope h, to be written before `project`: N numbers.
  float* slope() { return slope_.get(); }
  // S p after `update`.
  const float* spread() const { return spread_.get(); }

  // Read a root Q [N, N] of any form, of which row and column order[k] is our k-th.
  void read(const float* dense, const int64_t* order) {
    std::vector<float> full(size_ * size_);
    bool triangular = true;
    for (int64_t i = 0; i < size_; ++i)
      for (int64_t j = 0; j < size_; ++j) {
        full[i * size_ + j] = dense[order[i] * size_ + order[j]];
        triangular = triangular && (j >= i || full[i * size_ + j] == 0);
      }
    if (!triangular) triangulate(full.data());
    each([&](float& ours, int64_t i, int64_t j) { ours = full[i * size_ + j]; });
  }

  // Write S as Q, with zeros below its diagonal.
  void write(float* dense, const int64_t* order) {
    std::fill_n(dense, size_ * size_, 0.0f);
    each([&](float& ours, int64_t i, int64_t j) { dense[order[i] * size_ + order[j]] = ours; });
  }

  // Compute p from the slope, and return its squared norm.
  float project() {
    // From the last column to the first, as `update` has left it in the first cache.
    for (int64_t group = groups_ - 1; group >= 0; --group) {
      const Lanes* tile = tile_of(group);
      const Lanes* slope = reinterpret_cast<const Lanes*>(slope_.get());
      Lanes sums[kColumns] = {};
      for (int64_t chunk = 0; chunk < chunks(group); ++chunk, tile += kColumns)
        for (int64_t k = 0; k < kColumns; ++k) sums[k] += tile[k] * slope[chunk];
      const Column p = totals(sums);
      std::memcpy(projected_.get() + group * kColumns, &p, sizeof p);
      float power = 0;
      for (int64_t k = 0; k < kColumns; ++k) power += p[k] * p[k];
      powers_[group] = power;
    }
    float power = 0;
    for (int64_t group = 0; group < groups_; ++group) power += powers_[group];
    return power;
  }

  // Update S for the observation, whose p is that of `project`, with noise r.
  void update(float noise) {
    weigh(noise);
    std::fill_n(spread_.get(), lanes_, 0.0f);
    Lanes* const spread = reinterpret_cast<Lanes*>(spread_.get());
    for (int64_t group = 0; group < groups_; ++group) {
      Lanes* tile = tile_of(group);
      const int64_t first = group * kColumns;
      float p[kColumns], kept[kColumns], moved[kColumns];
      std::copy_n(projected_.get() + first, kColumns, p);
      std::copy_n(kept_.get() + first, kColumns, kept);
      std::copy_n(moved_.get() + first, kColumns, moved);
      for (int64_t chunk = 0; chunk < chunks(group); ++chunk, tile += kColumns) {
        Lanes b = spread[chunk];
        for (int64_t k = 0; k < kColumns; ++k) {
          const Lanes column = tile[k];
          tile[k] = kept[k] * column - moved[k] * b;
          b += p[k] * column;
        }
        spread[chunk] = b;
      }
    }
  }

 private:
  static constexpr int64_t kTile = kColumns * kLanes;
  static_assert(kLanes % kColumns == 0);

  int64_t padded() const { return groups_ * kColumns; }
  // Chunks of rows of a group, and those of all groups before it.
  static int64_t chunks(int64_t group) { return (group * kColumns) / kLanes + 1; }
  static int64_t begin(int64_t group) {
    constexpr int64_t alike = kLanes / kColumns;
    const int64_t whole = group / alike, rest = group % alike;
    return alike * whole * (whole + 1) / 2 + rest * (whole + 1);
  }
  Lanes* tile_of(int64_t group) const {
    return reinterpret_cast<Lanes*>(tiles_.get() + begin(group) * kTile);
  }

  // Sum the lanes of each of the kColumns registers: their parts first, then neighbours, three times.
  static Column totals(const Lanes* sums) {
    Column found[kColumns];
    for (int64_t k = 0; k < kColumns; ++k) {
      Column parts[kLanes / kColumns];
      std::memcpy(parts, sums + k, sizeof parts);
      found[k] = parts[0];
      for (int64_t part = 1; part < kLanes / kColumns; ++part) found[k] += parts[part];
    }
    for (int64_t left = kColumns / 2; left > 0; left /= 2)
      for (int64_t k = 0; k < left; ++k) found[k] = neighbours(found[2 * k], found[2 * k + 1]);
    return found[0];
  }

  // Sums of neighbours in a, and then in b.
  static Column neighbours(Column a, Column b) {
#if __has_builtin(__builtin_shufflevector)
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14) +
           __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
#else
    Column found;
    for (int64_t k = 0; k < kColumns / 2; ++k) {
      found[k] = a[2 * k] + a[2 * k + 1];
      found[kColumns / 2 + k] = b[2 * k] + b[2 * k + 1];
    }
    return found;
#endif
  }

  // Visit S_ij of i ≤ j.
  template <class Visit>
  void each(Visit visit) {
    for (int64_t j = 0; j < size_; ++j) {
      float* tile = tiles_.get() + begin(j / kColumns) * kTile + j % kColumns * kLanes;
      for (int64_t i = 0; i <= j; ++i) visit(tile[i / kLanes * kTile + i % kLanes], i, j);
    }
  }

  // Compute 1 − β and γ of every column. √(α_{j-1} / α_j) would round to the same side, update after update,
  // where p_j hardly changes; β = 1 − p_j² / (α_j + √(α_{j-1} α_j)) has an error only where it is not 1.
  void weigh(float noise) {
    float* alpha = alpha_.get();
    float total = noise;
    for (int64_t group = 0; group < groups_; ++group) {
      const float* p = projected_.get() + group * kColumns;
      float own = total;
      for (int64_t k = 0; k < kColumns; ++k) {
        alpha[group * kColumns + k] = own;
        own += p[k] * p[k];
      }
      total += powers_[group];
    }
    alpha[padded()] = total;
    const float* p = projected_.get();
    float *kept = kept_.get(), *moved = moved_.get();
    const int64_t count = padded();
#pragma omp simd
    for (int64_t k = 0; k < count; ++k) {
      const float mean = std::sqrt(alpha[k] * alpha[k + 1]);
      kept[k] = 1 - p[k] * p[k] / (alpha[k + 1] + mean);
      moved[k] = p[k] / mean;
    }
  }

  // Turn `full` [N, N] into an upper triangle of the same square, by reflections of its columns.
  void triangulate(float* full) const {
    std::vector<float> mirror(size_);
    for (int64_t i = size_ - 1; i > 0; --i) {
      float* row = full + i * size_;
      const float norm = std::sqrt(dot(row, row, i + 1));
      if (norm == 0) continue;
      std::copy_n(row, i + 1, mirror.data());
      mirror[i] += std::copysign(norm, row[i]);
      const float scale = 2 / dot(mirror.data(), mirror.data(), i + 1);
      for (int64_t k = 0; k <= i; ++k) {
        float* other = full + k * size_;
        const float factor = scale * dot(mirror.data(), other, i + 1);
        for (int64_t j = 0; j <= i; ++j) other[j] -= factor * mirror[j];
      }
    }
  }

  const int64_t size_, groups_, lanes_;
  Floats tiles_, spread_, slope_, projected_, powers_, alpha_, kept_, moved_;
};

}  // namespace
