/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/service.h"

#include "config/paths.h"

namespace hawser::cli
{

namespace
{

class VarlinkService : public Service
{
public:
	explicit VarlinkService(varlink::Client client) : client_(std::move(client)) {}

	Result<std::vector<varlink::SessionStatus>> list_sessions() override
	{
		return client_.list_sessions();
	}
	Status login(const varlink::LoginCall &call,
		     const Each<varlink::LoginResult> &each) override
	{
		return finish(client_.login(call, passing_on(each)));
	}
	Status logout(const varlink::LogoutCall &call,
		      const Each<varlink::LogoutResult> &each) override
	{
		return finish(client_.logout(call, passing_on(each)));
	}
	Status rescan(const std::vector<std::uint32_t> &sids,
		      const Each<varlink::RescanResult> &each) override
	{
		return finish(client_.rescan(sids, passing_on(each)));
	}
	Status ping(const varlink::PingCall &call, const Each<varlink::PingResult> &each) override
	{
		return finish(client_.ping(call, passing_on(each)));
	}
	Result<varlink::TaskManagementReply>
	task_management(const varlink::TaskManagementCall &call) override
	{
		return client_.task_management(call);
	}
	Result<std::uint16_t> add_connection(const varlink::AddConnectionCall &call) override
	{
		return client_.add_connection(call);
	}
	Status remove_connection(const varlink::RemoveConnectionCall &call) override
	{
		return client_.remove_connection(call);
	}
	Status change_session(const varlink::ChangeSessionCall &call) override
	{
		return client_.change_session(call);
	}
	Result<varlink::DiscoverReply> discover(const varlink::DiscoverCall &call) override
	{
		return client_.discover(call);
	}
	Result<varlink::DiscoverReply> send_targets(const varlink::SendTargetsCall &call) override
	{
		return client_.send_targets(call);
	}

private:
	template <class T> static varlink::Client::OnProgress<T> passing_on(const Each<T> &each)
	{
		return [each](const varlink::Progress<T> &progress) {
			for (const auto &result : progress.results)
				each(result);
		};
	}

	template <class T> static Status finish(const Result<T> &result)
	{
		if (!result)
			return tl::unexpected(result.error());
		return {};
	}

	varlink::Client client_;
};

} // namespace

Result<std::unique_ptr<Service>> connect_service()
{
	auto client = varlink::Client::connect(config::Paths::from_environment().socket());
	if (!client)
		return tl::unexpected(client.error());
	return std::make_unique<VarlinkService>(std::move(*client));
}

} // namespace hawser::cli
