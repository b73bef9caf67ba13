// Matrix products of a few rows with a matrix that stays in a cache, in the registers of one processor.
//
//   C[m, n] += Σ_k A[m, k] B[k, n]
//
// A tile of M rows and R registers of columns is summed over all k before it is written. B is read a panel of R
// registers at a time; a matrix that is used often is packed, with the rows of a panel one after another.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "numerics.h"

namespace {

// The same at any address, over floats.
typedef float Loose
    __attribute__((vector_size(kLanes * sizeof(float)), aligned(sizeof(float)), may_alias));

inline Lanes load(const float* at) { return *reinterpret_cast<const Loose*>(at); }
inline void store(float* at, Lanes lanes) { *reinterpret_cast<Loose*>(at) = lanes; }

// Load into a register that several sums read: compilers would load once for each of them.
inline Lanes load_once(const float* at) {
  Lanes lanes = load(at);
#if defined(__AVX__)  // elsewhere eight numbers are more than a register
  asm("" : "+x"(lanes));
#endif
  return lanes;
}

inline int64_t padded(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

// Rows of A [rows, count] at steps of `across`, and its columns at steps of `along`.
struct Left {
  const float* at;
  int64_t rows, across, along;
};

// B [count, columns], whose columns are a multiple of kLanes: a panel is at steps of `panel`, its rows at steps of
// `row`.
struct Right {
  const float* at;
  int64_t count, columns, row, panel;
};

template <int M, int R>
inline void add_tile(const float* a, int64_t across, int64_t along, const float* b, int64_t row,
                     int64_t count, float* c, int64_t stride) {
  Lanes sums[M][R];
  for (int m = 0; m < M; ++m)
    for (int r = 0; r < R; ++r) sums[m][r] = load(c + m * stride + r * kLanes);
  for (int64_t k = 0; k < count; ++k, a += along, b += row) {
    Lanes own[R];
    for (int r = 0; r < R; ++r) own[r] = M > 1 ? load_once(b + r * kLanes) : load(b + r * kLanes);
    for (int m = 0; m < M; ++m) {
      const float factor = a[m * across];
      for (int r = 0; r < R; ++r) sums[m][r] += factor * own[r];
    }
  }
  for (int m = 0; m < M; ++m)
    for (int r = 0; r < R; ++r) store(c + m * stride + r * kLanes, sums[m][r]);
}

// As many rows as leave a register for each of a row of B and one for a factor.
template <int R>
constexpr int kTile = R >= 5 ? 1 : R == 4 ? 2 : 4;

template <int R>
void add_panel(const Left& a, const float* b, int64_t row, int64_t count, float* c, int64_t stride) {
  constexpr int tile = kTile<R>;
  int64_t m = 0;
  for (; m + tile <= a.rows; m += tile)
    add_tile<tile, R>(a.at + m * a.across, a.across, a.along, b, row, count, c + m * stride, stride);
  const float* rest = a.at + m * a.across;
  c += m * stride;
  switch (a.rows - m) {
    case 3: return add_tile<3, R>(rest, a.across, a.along, b, row, count, c, stride);
    case 2: return add_tile<2, R>(rest, a.across, a.along, b, row, count, c, stride);
    case 1: return add_tile<1, R>(rest, a.across, a.along, b, row, count, c, stride);
  }
}

template <int R>
void add_panels(const Left& a, const Right& b, float* c, int64_t stride) {
  const int64_t panels = b.columns / (R * kLanes), left = b.columns / kLanes % R;
  for (int64_t p = 0; p < panels; ++p)
    add_panel<R>(a, b.at + p * b.panel, b.row, b.count, c + p * R * kLanes, stride);
  const float* last = b.at + panels * b.panel;
  c += panels * R * kLanes;
  switch (left) {
    case 7: return add_panel<7>(a, last, b.row, b.count, c, stride);
    case 6: return add_panel<6>(a, last, b.row, b.count, c, stride);
    case 5: return add_panel<5>(a, last, b.row, b.count, c, stride);
    case 4: return add_panel<4>(a, last, b.row, b.count, c, stride);
    case 3: return add_panel<3>(a, last, b.row, b.count, c, stride);
    case 2: return add_panel<2>(a, last, b.row, b.count, c, stride);
    case 1: return add_panel<1>(a, last, b.row, b.count, c, stride);
  }
}

// A matrix in panels.
class Packed {
 public:
  // Make room for up to `count` rows of `columns`, a multiple of kLanes, for products with `rows` rows.
  Packed(int64_t count, int64_t columns, int64_t rows)
      : registers_(registers_for(rows)),
        columns_(columns),
        values_(zeros((columns + registers_ * kLanes) * count)) {}

  Packed(const Floats& values, int64_t count, int64_t columns, int64_t rows)
      : Packed(count, columns, rows) {
    fill(values.get(), count, columns);
  }

  // Copy a matrix of `count` rows at steps of `stride`.
  void fill(const float* values, int64_t count, int64_t stride) {
    const int64_t most = registers_ * kLanes;
    count_ = count;
    for (int64_t n = 0; n < columns_; n += most) {
      const int64_t width = std::min(most, columns_ - n);
      for (int64_t k = 0; k < count; ++k)
        std::copy_n(values + k * stride + n, width, values_.get() + n * count + k * most);
    }
  }

  // Add the product of A and this matrix to C, whose rows are at steps of `stride`.
  void add_to(float* c, int64_t stride, const Left& a) const {
    const int64_t most = registers_ * kLanes;
    const Right b{values_.get(), count_, columns_, most, count_ * most};
    switch (registers_) {
      case 8: return add_panels<8>(a, b, c, stride);
      case 4: return add_panels<4>(a, b, c, stride);
      default: return add_panels<3>(a, b, c, stride);
    }
  }

 private:
  // The registers of a panel with which the sums of so many rows fill as many registers as they may.
  static int64_t registers_for(int64_t rows) { return rows == 1 ? 8 : rows == 2 ? 4 : 3; }

  int64_t registers_, columns_, count_ = 0;
  Floats values_;
};

}  // namespace
