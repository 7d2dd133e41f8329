#include "opens_ahead.h"

#include <utility>

#include "stsfs/base/await.h"

namespace stsfs::fs {
namespace {

/// Larger files have readers ahead of them in time by themselves.
constexpr std::uint64_t kWholeMax = std::uint64_t{1} << 20;

/// The key of the directory in which a file lies.
std::string directory_above(const std::string& file_key) {
  return file_key.substr(0, file_key.rfind('/') + 1);
}

}  // namespace

OpensAhead::OpensAhead(const ReadSurroundings& around, Listings& listings,
                       cache::AttributeStore& metas, const MountState& state,
                       std::chrono::milliseconds open_fresh, WayToAsk way_to_ask)
    : clock_(around.clock),
      metas_(metas),
      state_(state),
      open_fresh_(open_fresh),
      way_to_ask_(std::move(way_to_ask)),
      runs_(listings),
      files_(around, open_fresh) {}

FilesAhead::Way OpensAhead::way_for(std::uint64_t size_bytes) {
  return size_bytes > 0 && size_bytes <= kWholeMax ? FilesAhead::Way::kGet : FilesAhead::Way::kHead;
}

void OpensAhead::ask(const std::vector<ReadingRuns::File>& files) {
  for (const ReadingRuns::File& file : files) {
    const auto way = way_to_ask_(file);
    if (!way) continue;
    if (files_.ask(file.directory_key + file.name, file.entry.etag, file.entry.size_bytes, *way,
                   FilesAhead::Purpose::kAhead))
      continue;
    runs_.refused(file);
    return;
  }
}

/// Errors: kWouldWait; kInterrupted; others when the ordinary way is to be gone.
Result<OpensAhead::Told> OpensAhead::wait_for(const Context& context,
                                              const FilesAhead::QuestionPointer& question,
                                              const std::string& directory_key) {
  if (!files_.is_answered(question)) {
    if (auto may = state_.may_wait(context); !may) return fail(std::move(may.error()));
    runs_.waited(directory_key, question->asked, clock_.steady());
  }
  auto meta = await<oss::ObjectMeta>(context.interrupt, [&](Callback<oss::ObjectMeta> done) {
    files_.wait(question, std::move(done));
    return Transfer();
  });
  if (!meta && context.interrupt != nullptr && context.interrupt->raised())
    return fail(Errc::kInterrupted, "interrupted");
  if (!meta) return fail(Errc::kUnavailable, meta.error().message);
  return Told{std::move(*meta), question->asked, question};
}

Result<std::optional<OpensAhead::Told>> OpensAhead::looked_up(const Context& context,
                                                              const std::string& file_path,
                                                              const std::string& key,
                                                              const cache::KnownEntry& entry) {
  using Nothing = std::optional<Told>;
  if (open_fresh_.count() == 0 || entry.etag.empty()) return Nothing();
  if (entry.type == oss::ObjectType::kSymlink) return Nothing();
  const std::string above = directory_above(key);
  const std::string name = file_path.substr(file_path.rfind('/') + 1);
  auto question = files_.find(key, entry.etag);
  if (!question) {
    if (context.wait == Wait::kNever) return Nothing();  // comes again, allowed to wait
    if (files_.came_late(key)) runs_.came_late(above);
    std::vector<ReadingRuns::File> due;
    if (!runs_.looked_up(above, name, context.caller.pid, clock_.steady(), due)) return Nothing();
    files_.ask(key, entry.etag, entry.size_bytes, way_for(entry.size_bytes),
               FilesAhead::Purpose::kDemand);
    ask(due);
    question = files_.find(key, entry.etag);
    if (!question) return Nothing();
  }
  auto told = wait_for(context, question, above);
  if (!told && told.error().code == Errc::kUnavailable) return Nothing();
  if (!told) return fail(std::move(told.error()));
  // What came from the local disk says nothing of attributes.
  if (told->meta.server_time == WallTime{} || told->meta.type == oss::ObjectType::kSymlink)
    return Nothing();
  if (files_.find(key, entry.etag) != question) return Nothing();  // changed meanwhile
  metas_.put(key, told->meta);
  return Nothing(std::move(*told));
}

Result<std::optional<OpensAhead::Told>> OpensAhead::about_to_open(const Context& context,
                                                                  const std::string& key,
                                                                  const std::string& etag) {
  using Nothing = std::optional<Told>;
  const std::string above = directory_above(key);
  const auto question = files_.find(key, etag);
  if (!question) {
    if (files_.came_late(key)) runs_.came_late(above);
    return Nothing();
  }
  auto told = wait_for(context, question, above);
  if (!told && told.error().code == Errc::kUnavailable) return Nothing();
  if (!told) return fail(std::move(told.error()));
  if (files_.find(key, etag) != question) return Nothing();  // changed meanwhile, or too old
  return Nothing(std::move(*told));
}

std::shared_ptr<BaseReader> OpensAhead::take_reader(const Told& told) {
  return files_.take(told.question);
}

void OpensAhead::opened(const Context& context, const std::string& key, const std::string& name) {
  ask(runs_.opened(directory_above(key), name, context.caller.pid, clock_.steady()));
}

}  // namespace stsfs::fs
