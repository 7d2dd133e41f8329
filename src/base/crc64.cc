// Combining: advancing a CRC over n zero bytes is a linear map over GF(2), a 64 x 64 matrix of
// bits. The map for n bytes is built from the maps for 2^k bytes, which are made once; as initial
// value and final xor are both all ones, no correction is needed (the scheme of zlib's
// crc32_combine).

#include "stsfs/base/crc64.h"

#include <array>

#include <isa-l/crc64.h>

namespace stsfs {
namespace {

constexpr std::uint64_t kPolynomialReflected = 0xC96C5795D7870F42;

using Matrix = std::array<std::uint64_t, 64>;  // column i: the image of bit i

std::uint64_t apply_matrix(const Matrix& matrix, std::uint64_t vector) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; vector != 0; ++i, vector >>= 1)
    if ((vector & 1) != 0) sum ^= matrix[i];
  return sum;
}

Matrix multiply(const Matrix& a, const Matrix& b) {
  Matrix out{};
  for (std::size_t i = 0; i < 64; ++i) out[i] = apply_matrix(a, b[i]);
  return out;
}

Matrix one_zero_bit() {
  Matrix out{};
  out[0] = kPolynomialReflected;
  for (std::size_t i = 1; i < 64; ++i) out[i] = std::uint64_t{1} << (i - 1);
  return out;
}

/// Entry k advances over 2^k zero bytes.
const std::array<Matrix, 64>& powers() {
  static const auto table = [] {
    std::array<Matrix, 64> out{};
    Matrix matrix = one_zero_bit();
    for (int i = 0; i < 3; ++i) matrix = multiply(matrix, matrix);
    for (Matrix& entry : out) {
      entry = matrix;
      matrix = multiply(matrix, matrix);
    }
    return out;
  }();
  return table;
}

Matrix advance_over(std::uint64_t size_bytes) {
  Matrix out{};
  for (std::size_t i = 0; i < 64; ++i) out[i] = std::uint64_t{1} << i;
  for (std::size_t k = 0; size_bytes != 0; ++k, size_bytes >>= 1)
    if ((size_bytes & 1) != 0) out = multiply(powers()[k], out);
  return out;
}

}  // namespace

std::uint64_t crc64(std::uint64_t before, std::span<const std::byte> bytes) {
  return crc64_ecma_refl(before, reinterpret_cast<const unsigned char*>(bytes.data()),
                         bytes.size());
}

std::uint64_t crc64_combine(std::uint64_t first, std::uint64_t second,
                            std::uint64_t second_size_bytes) {
  thread_local std::uint64_t last_size = 0;
  thread_local Matrix last = advance_over(0);
  if (last_size != second_size_bytes) {
    last = advance_over(second_size_bytes);
    last_size = second_size_bytes;
  }
  return apply_matrix(last, first) ^ second;
}

}  // namespace stsfs
