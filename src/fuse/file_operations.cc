// Open files. Reads, flush and fsync wait on no thread: their calls are parked with whoever
// completes them.
#include <fcntl.h>

#include <string>
#include <vector>

#include "convert.h"
#include "descriptors.h"
#include "operations.h"
#include "parked_call.h"
#include "raw_request.h"
#include "set_id.h"

namespace stsfs::fuse {
namespace {

using fs::Context;
using fs::HandleNumber;
using fs::InodeNumber;
using fs::Wait;

fuse_file_info to_info(const fs::Opened& opened) {
  fuse_file_info info{};
  info.fh = static_cast<std::uint64_t>(opened.handle);
  info.keep_cache = opened.keep_cache ? 1 : 0;
  info.direct_io = opened.direct_io ? 1 : 0;
  info.noflush = opened.no_flush ? 1 : 0;
  return info;
}

void open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<fs::Opened>(
      begin(request, "open", inode),
      [&driver, inode, flags = info->flags,
       kill = current_kills_set_id()](const Context& context) -> Result<fs::Opened> {
        if (kill) {
          auto cleared = clear_set_id_now(driver, context, InodeNumber{inode}, std::nullopt);
          if (!cleared) return stsfs::fail(std::move(cleared.error()));
        }
        return driver.file_system().open(context, InodeNumber{inode}, flags);
      },
      [](Call& call, const fs::Opened& opened) {
        const auto drop = [&] { call.driver().file_system().release(opened.handle); };
        if (opened.size_is_news) {
          drop();
          // The kernel looks the path up anew, and opens what it finds once more. Source: Linux
          // 6.18, do_filp_open.
          return std::move(call.reply()).error(ESTALE);
        }
        if (!std::move(call.reply()).open(to_info(opened))) drop();
      });
}

void create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
            fuse_file_info* info) noexcept {
  using Created = std::pair<fs::Entry, fs::Opened>;
  Driver& driver = driver_of(request);
  driver.carry_out<Created>(
      begin(request, "create", parent),
      [&fs = driver.file_system(), parent, name = std::string(name), mode,
       flags = info->flags](const Context& context) {
        return fs.create(context, InodeNumber{parent}, name, mode, flags);
      },
      [](Call& call, const Created& created) {
        const auto& [entry, opened] = created;
        if (std::move(call.reply()).create(to_entry_param(entry), to_info(opened))) return;
        call.driver().file_system().release(opened.handle);
        call.driver().file_system().forget(entry.attributes.inode, 1);
      });
}

// --- what is answered by whoever completes it ---

/// Has `start(context, done)` begin what completes later, and `answer` say how it went.
template <class T, class Start, class Answer>
void start_parked(Call call, fs::Wait wait, Start start, Answer answer) {
  auto parked = std::make_shared<ParkedCall>(std::move(call));
  start(parked->context(wait), [parked, start, answer](Result<T> result) mutable {
    auto taken = parked->take();
    if (!taken) return;  // interrupted meanwhile
    if (!would_wait(result)) return finish<T>(*taken, result, answer);
    // It would have to wait even to be begun.
    taken->make_interruptible();
    Driver& driver = taken->driver();
    driver.hand_over([call = std::move(*taken), start, answer]() mutable {
      start_parked<T>(std::move(call), Wait::kAllowed, start, answer);
    });
  });
  parked->watch();
}

void read(fuse_req_t request, fuse_ino_t inode, std::size_t size, off_t offset,
          fuse_file_info* info) noexcept {
  using Bytes = std::span<const std::byte>;
  Driver& driver = driver_of(request);
  const ByteRange range{static_cast<std::uint64_t>(offset), size};
  start_parked<Bytes>(
      driver.begin(request, "read", inode, driver.options().read_timeout), Wait::kNever,
      [&fs = driver.file_system(), handle = handle_of(info), range](const Context& context,
                                                                    Callback<Bytes> done) {
        fs.read(context, handle, range, std::move(done));
      },
      [](Call& call, Bytes bytes) { std::move(call.reply()).bytes(bytes); });
}

void flush(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) noexcept {
  start_parked<void>(
      begin_long(request, "flush", inode), Wait::kNever,
      [&driver = driver_of(request), inode, handle = handle_of(info)](const Context& context,
                                                                      Callback<void> done) {
        driver.file_system().flush(
            context, handle,
            [&driver, inode, closer = context.caller.pid](pid_t process) {
              const auto which = process == closer ? Descriptors::kFirstTen : Descriptors::kAll;
              return holds_for_writing(process, which, driver.device(), inode);
            },
            std::move(done));
      },
      [](Call& call) { std::move(call.reply()).ok(); });
}

void fsync(fuse_req_t request, fuse_ino_t inode, int data_only, fuse_file_info* info) noexcept {
  start_parked<void>(
      begin_long(request, "fsync", inode), Wait::kNever,
      [&fs = driver_of(request).file_system(), handle = handle_of(info),
       data_only = data_only != 0](const Context& context, Callback<void> done) {
        fs.fsync(context, handle, data_only, std::move(done));
      },
      [](Call& call) { std::move(call.reply()).ok(); });
}

void fsyncdir(fuse_req_t request, fuse_ino_t inode, int, fuse_file_info*) noexcept {
  start_parked<void>(
      begin_long(request, "fsyncdir", inode), Wait::kNever,
      [&fs = driver_of(request).file_system()](const Context& context, Callback<void> done) {
        fs.fsyncdir(context, std::move(done));
      },
      [](Call& call) { std::move(call.reply()).ok(); });
}

void release(fuse_req_t request, fuse_ino_t, fuse_file_info* info) noexcept {
  driver_of(request).file_system().release(handle_of(info));
  fuse_reply_err(request, 0);
}

// --- write ---

struct Write {
  HandleNumber handle{};
  std::uint64_t offset = 0;
  bool of_pages = false;  ///< That were changed through a mapping.
  bool kills_set_id = false;
};

Result<std::size_t> write_now(Driver& driver, const Context& context, InodeNumber inode,
                              const Write& write, std::span<const std::byte> bytes) {
  if (write.kills_set_id) {
    auto cleared = clear_set_id_now(driver, context, inode, write.handle);
    if (!cleared) return stsfs::fail(std::move(cleared.error()));
  }
  fs::FileSystem& fs = driver.file_system();
  if (!write.of_pages) return fs.write(context, write.handle, bytes, write.offset);
  auto written = fs.write_back(context, write.handle, bytes, write.offset);
  if (!written) return stsfs::fail(std::move(written.error()));
  return bytes.size();
}

/// The answer waits while room gets scarce; no thread waits with it.
void answer_written(Call call, Result<std::size_t>& result) {
  if (!result) return call.fail(result.error());
  fs::FileSystem& fs = call.driver().file_system();
  fs.pace([call = std::move(call), size_bytes = *result](const Result<void>&) mutable {
    std::move(call.reply()).written(size_bytes);
  });
}

// Not carry_out(): the bytes lie in the receiver's buffer, and are copied only if they must leave
// it.
void write(fuse_req_t request, fuse_ino_t inode, const char* data, std::size_t size, off_t offset,
           fuse_file_info* info) noexcept {
  Driver& driver = driver_of(request);
  Call call = begin(request, "write", inode);
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const Write what{.handle = handle_of(info),
                   .offset = static_cast<std::uint64_t>(offset),
                   .of_pages = info->writepage != 0,
                   .kills_set_id = current_kills_set_id()};
  auto result = write_now(driver, call.context(Wait::kNever), call.inode(), what, bytes);
  if (!would_wait(result)) return answer_written(std::move(call), result);
  call.make_interruptible();
  driver.hand_over([call = std::move(call), &driver, what,
                    copy = std::vector(bytes.begin(), bytes.end())]() mutable {
    auto waited = write_now(driver, call.context(Wait::kAllowed), call.inode(), what, copy);
    answer_written(std::move(call), waited);
  });
}

}  // namespace

void add_file_operations(fuse_lowlevel_ops& operations) {
  operations.open = open;
  operations.create = create;
  operations.read = read;
  operations.write = write;
  operations.flush = flush;
  operations.fsync = fsync;
  operations.fsyncdir = fsyncdir;
  operations.release = release;
}

}  // namespace stsfs::fuse
