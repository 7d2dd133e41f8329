#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>

#include "stsfs/base/result.h"

namespace stsfs::staging {

/// How what was written over lies in the files beside a staged file: one record behind the other,
/// each with a checksum, so that a kill, or a loss of power, leaves none that is taken for more
/// than it is.
constexpr std::size_t kUndoHeaderSize = 40;
/// Of the bytes of one record.
constexpr std::size_t kUndoBytesMax = std::size_t{1} << 20;

std::string name_beside(const std::string& name, std::uint64_t moment);
/// The moments that have a file beside a staged file, by its name.
Result<std::map<std::string, std::set<std::uint64_t>>> files_beside(const std::string& directory);

/// Fills the header of a record whose bytes stand behind it.
void seal_undo_record(std::span<std::byte> record, std::uint64_t moment, std::uint64_t offset);

/// Gives `put` what must be written into the staged file `name` to make it what it held at
/// `moment`: in this order, since of what was written over more than once the earliest counts.
/// `beside`: as `files_beside` has it.
Result<void> undo(
    const std::string& directory, const std::string& name, std::uint64_t moment,
    const std::set<std::uint64_t>& beside,
    const std::function<Result<void>(std::span<const std::byte> bytes, std::uint64_t offset)>& put);

}  // namespace stsfs::staging
