// Pairs of LSTM units and their derivatives in real time, with the equations of freqjax/networks/pairs.py.
//
// Eight pairs are a bundle: each takes one lane of a register, and missing ones have weights of zero.
//
// Axes as there: P pairs, M inputs, n weights of a pair, m those that the state depends on; K inputs of a
// gate; and 3 copies: the weights in training and the two candidates, which are frozen.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "numerics.h"

namespace {

constexpr int64_t kPairs = 8;
constexpr int64_t kUnits = 2;
constexpr int64_t kGates = 4;
constexpr int64_t kSquashed = 3;  // the gates i, f and o, whose values are between 0 and 1
constexpr int64_t kCopies = 3;

// One number of every pair of a bundle.
typedef float Each __attribute__((vector_size(kPairs * sizeof(float))));

class Eaches {
 public:
  explicit Eaches(int64_t count) : memory_(zeros(count * kPairs)) {}
  Each& operator[](int64_t k) { return reinterpret_cast<Each*>(memory_.get())[k]; }
  const Each& operator[](int64_t k) const {
    return reinterpret_cast<const Each*>(memory_.get())[k];
  }

 private:
  Floats memory_;
};

// Arrays that stay, and those that an update changes, with the shapes that they have in JAX.
struct Fixed {
  const float *biases, *scales;  // [P, 2, 4], [P, n]
  const float* kept;             // [2, m]
  const float* candidates;       // [2, P, n]
};

template <class Number>
struct Changing {
  Number* trained;              // [P, n]
  Number *state, *sensitivity;  // c and h: [2, P, 2], [2, P, 2, m]
  Number* shadows;              // c and h: [2, 2, P, 2]
};

class Bundle {
 public:
  // Pairs first … of the arrays, which hold `pairs`.
  Bundle(int64_t inputs, int64_t pairs, int64_t first, const Fixed& fixed,
         const Changing<const float>& given)
      : pairs_(pairs),
        first_(first),
        here_(std::min(pairs - first, kPairs)),
        inputs_(inputs),
        reach_(inputs + 1 + kUnits),
        deep_(kUnits * kGates * reach_ + kUnits),
        kept_(fixed.kept),
        biases_(kUnits * kGates),
        scales_(weights()),
        change_(weights()),
        trained_(weights()),
        frozen_{Eaches(weights()), Eaches(weights())},
        by_c_{Eaches(deep_), Eaches(deep_)},
        by_h_{Eaches(deep_), Eaches(deep_)},
        a_(reach_) {
    const auto read = [](float& ours, const float& theirs) { ours = theirs; };
    each(fixed.biases, kUnits * kGates, biases_, read);
    each(fixed.scales, weights(), scales_, read);
    for (int64_t k = 0; k < 2; ++k)
      each(fixed.candidates + k * pairs_ * weights(), weights(), frozen_[k], read);
    visit(given, read);
  }

  // Number of weights of a pair, n.
  int64_t weights() const { return deep_ + kUnits; }

  // Write the arrays that updates change.
  void write(const Changing<float>& results) {
    visit(results, [](float& ours, float& theirs) { theirs = ours; });
  }

  // Advance all copies one sample; add their outputs to `outputs`, and write the derivatives of the first
  // by the weights, each times its scale, to `slope` [n, P].
  void advance(const float* x, float* outputs, float* slope) {
    const Each before[kUnits] = {c_[0][0], c_[0][1]};
    activate(x);
    differentiate(before, slope);
    for (int64_t copy = 0; copy < kCopies; ++copy) {
      const Each* head = &of(copy)[deep_];
      const Each sum = head[0] * h_[copy][0] + head[1] * h_[copy][1];
      for (int64_t lane = 0; lane < kPairs; ++lane) outputs[copy] += sum[lane];
    }
  }

  // Change the weights by scale · spread [n, P] · factor, and `corrected` times as much in the state.
  void change(const float* spread, float factor, float corrected) {
    for (int64_t w = 0; w < weights(); ++w) {
      Each own = {};
      std::memcpy(&own, spread + w * pairs_ + first_, here_ * sizeof(float));
      change_[w] = scales_[w] * (own * factor);
      trained_[w] += change_[w];
    }
    for (int64_t u = 0; u < kUnits; ++u) {
      Each c = {}, h = {};
      for (int64_t w = 0; w < deep_; ++w) {
        c += by_c_[u][w] * change_[w];
        h += by_h_[u][w] * change_[w];
      }
      c_[0][u] += corrected * c;
      h_[0][u] += corrected * h;
    }
  }

 private:
  Eaches& of(int64_t copy) { return copy ? frozen_[copy - 1] : trained_; }

  // Call move(number of ours, number of theirs) for the own rows of an array [P, count].
  template <class Number, class Array, class Move>
  void each(Number* theirs, int64_t count, Array&& ours, Move move) {
    for (int64_t lane = 0; lane < here_; ++lane)
      for (int64_t k = 0; k < count; ++k)
        move(reinterpret_cast<float*>(&ours[k])[lane], theirs[(first_ + lane) * count + k]);
  }

  template <class Number, class Move>
  void visit(const Changing<Number>& at, Move move) {
    each(at.trained, weights(), trained_, move);
    const int64_t two = pairs_ * kUnits;
    each(at.state, kUnits, c_[0], move);
    each(at.state + two, kUnits, h_[0], move);
    for (int64_t k = 0; k < 2; ++k) {
      each(at.shadows + k * two, kUnits, c_[1 + k], move);
      each(at.shadows + (2 + k) * two, kUnits, h_[1 + k], move);
    }
    // Both units of a pair follow one another in JAX.
    for (int64_t lane = 0; lane < here_; ++lane)
      for (int64_t u = 0; u < kUnits; ++u) {
        const int64_t row = ((first_ + lane) * kUnits + u) * deep_;
        for (int64_t w = 0; w < deep_; ++w) {
          move(reinterpret_cast<float*>(&by_c_[u][w])[lane], at.sensitivity[row + w]);
          move(reinterpret_cast<float*>(&by_h_[u][w])[lane],
               at.sensitivity[two * deep_ + row + w]);
        }
      }
  }

  // Compute the gates, c and h of all copies.
  void activate(const float* x) {
    for (int64_t e = 0; e < inputs_; ++e) a_[e] = Each{} + x[e];
    a_[inputs_] = Each{} + 1.0f;
    for (int64_t copy = kCopies; copy-- > 0;) {  // the first copy last: its a is that of the derivatives
      const Each* weight = &of(copy)[0];
      for (int64_t u = 0; u < kUnits; ++u) a_[inputs_ + 1 + u] = h_[copy][u];
      for (int64_t u = 0; u < kUnits; ++u)
        for (int64_t gate = 0; gate < kGates; ++gate, weight += reach_) {
          Each z = biases_[u * kGates + gate];
          for (int64_t e = 0; e < reach_; ++e) z += weight[e] * a_[e];
          (gate == 2 ? g_[copy][u] : squashed_[copy][u][gate - gate / 3]) = z;
        }
    }
    float* squashed = reinterpret_cast<float*>(squashed_);
#pragma omp simd
    for (int64_t k = 0; k < kCopies * kUnits * kSquashed * kPairs; ++k)
      squashed[k] = sigmoid(squashed[k]);
    bound(g_);
    for (int64_t copy = 0; copy < kCopies; ++copy)
      for (int64_t u = 0; u < kUnits; ++u) {
        const Each* gates = squashed_[copy][u];
        c_[copy][u] = bounded_[copy][u] = gates[1] * c_[copy][u] + gates[0] * g_[copy][u];
      }
    bound(bounded_);
    for (int64_t copy = 0; copy < kCopies; ++copy)
      for (int64_t u = 0; u < kUnits; ++u)
        h_[copy][u] = squashed_[copy][u][2] * bounded_[copy][u];
  }

  static void bound(Each (&values)[kCopies][kUnits]) {
    float* at = reinterpret_cast<float*>(values);
#pragma omp simd
    for (int64_t k = 0; k < kCopies * kUnits * kPairs; ++k) at[k] = tanhf_(at[k]);
  }

  // Advance the sensitivities of the first copy, whose c was `before`, and write the slope.
  void differentiate(const Each* before, float* slope) {
    Each k[kUnits][kGates], into_c[kUnits][kUnits], into_h[kUnits][kUnits], through[kUnits];
    for (int64_t u = 0; u < kUnits; ++u) {
      const Each i = squashed_[0][u][0], f = squashed_[0][u][1], o = squashed_[0][u][2];
      const Each g = g_[0][u], bounded = bounded_[0][u];
      k[u][0] = g * i * (1 - i);
      k[u][1] = before[u] * f * (1 - f);
      k[u][2] = i * (1 - g * g);
      k[u][3] = bounded * o * (1 - o);
      through[u] = o * (1 - bounded * bounded);
      for (int64_t v = 0; v < kUnits; ++v) {
        const Each* inner = &trained_[u * kGates * reach_ + inputs_ + 1 + v];
        into_c[u][v] =
            k[u][0] * inner[0] + k[u][1] * inner[reach_] + k[u][2] * inner[2 * reach_];
        into_h[u][v] = k[u][3] * inner[3 * reach_];
      }
    }
    const Each* head = &trained_[deep_];
    // Derivatives by weight w, which enters `gate` of unit `own` with input `a`; by a carry, no gate.
    const auto advance = [&](int64_t w, int64_t own, int64_t gate, const Each& a) {
      Each h[kUnits], sum = {};
      for (int64_t u = 0; u < kUnits; ++u) h[u] = kept_[u * deep_ + w] * by_h_[u][w];
      for (int64_t u = 0; u < kUnits; ++u) {
        Each by_c = squashed_[0][u][1] * (kept_[u * deep_ + w] * by_c_[u][w]) +
                    into_c[u][0] * h[0] + into_c[u][1] * h[1];
        if (u == own && gate < 3) by_c += k[u][gate] * a;
        Each by_h = through[u] * by_c + into_h[u][0] * h[0] + into_h[u][1] * h[1];
        if (u == own && gate == 3) by_h += k[u][3] * a;
        by_c_[u][w] = by_c;
        by_h_[u][w] = by_h;
        sum += head[u] * by_h;
      }
      store(slope, w, scales_[w] * sum);
    };
    int64_t w = 0;
    for (int64_t own = 0; own < kUnits; ++own)
      for (int64_t gate = 0; gate < kGates; ++gate)
        for (int64_t e = 0; e < reach_; ++e) advance(w++, own, gate, a_[e]);
    for (; w < deep_; ++w) advance(w, kUnits, kGates, a_[0]);
    for (int64_t u = 0; u < kUnits; ++u) store(slope, deep_ + u, scales_[deep_ + u] * h_[0][u]);
  }

  void store(float* slope, int64_t w, const Each& values) const {
    std::memcpy(slope + w * pairs_ + first_, &values, here_ * sizeof(float));
  }

  const int64_t pairs_, first_, here_, inputs_, reach_, deep_;
  const float* const kept_;
  Eaches biases_, scales_, change_, trained_, frozen_[2], by_c_[kUnits], by_h_[kUnits], a_;
  Each c_[kCopies][kUnits] = {}, h_[kCopies][kUnits] = {};
  Each squashed_[kCopies][kUnits][kSquashed] = {}, g_[kCopies][kUnits] = {},
       bounded_[kCopies][kUnits] = {};
};

}  // namespace
