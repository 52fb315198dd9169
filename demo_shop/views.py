"""The pages of the shop."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from demo_shop import cart, orders
from demo_shop.catalogue import STYLES
from demo_shop.models import Category, Order, Product, ProductQuerySet
from shop_recs import record_cart, record_view

PER_PAGE = 24


def shop(request: HttpRequest) -> dict[str, Any]:
    """What every page shows: the departments and how much is in the cart."""
    return {
        "categories": Category.objects.all(),
        "cart_size": lambda: sum(cart.quantities(request).values()),
    }


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The front page: what this visitor will like, and what is new."""
    return render(request, "shop/home.html", {"newest": Product.objects.available().order_by("-pk")[:6]})


@require_GET
def category(request: HttpRequest, slug: str) -> HttpResponse:
    """One department, page by page."""
    department = get_object_or_404(Category, slug=slug)
    products = Product.objects.available().filter(category=department)
    return _listing(request, products, heading=department.name)


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Products with all the words in their names."""
    words = request.GET.get("q", "").replace("\0", "").strip()
    products = Product.objects.available().search(words)
    return _listing(request, products, heading=f"Results for “{words}”", words=words)


def _listing(request: HttpRequest, products: ProductQuerySet, **context: str) -> HttpResponse:
    page = Paginator(products, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "shop/products.html", {"page": page, **context})


@require_GET
def product(request: HttpRequest, slug: str) -> HttpResponse:
    """A product; looking at it counts in the lists on this very page."""
    shown = get_object_or_404(Product.objects.select_related("category"), slug=slug, is_active=True)
    record_view(request, shown)
    return render(request, "shop/product.html", {"product": shown})


@require_GET
def show_cart(request: HttpRequest) -> HttpResponse:
    """The cart and what goes with it."""
    lines = cart.lines(request)
    context = {
        "lines": lines,
        "products": [line.product for line in lines],
        "total": sum(line.total for line in lines),
    }
    return render(request, "shop/cart.html", context)


@require_POST
def add_to_cart(request: HttpRequest, key: int) -> HttpResponse:
    """Put one more of a product into the cart."""
    added = get_object_or_404(Product.objects.available(), pk=key)
    cart.put(request, added, cart.quantities(request).get(key, 0) + 1)
    record_cart(request, added, unit_price=added.price)
    messages.success(request, f"{added.name} is in your cart.")
    return redirect("cart")


@require_POST
def change_cart(request: HttpRequest, key: int) -> HttpResponse:
    """Set how many of a product are in the cart."""
    quantity = request.POST.get("quantity", "0")
    cart.put(request, get_object_or_404(Product, pk=key), int(quantity) if quantity.isdecimal() else 0)
    return redirect("cart")


class CheckoutForm(forms.ModelForm):  # type: ignore[type-arg]
    """Where the parcel goes."""

    class Meta:
        model = Order
        fields = ["name", "address"]


def checkout(request: HttpRequest) -> HttpResponse:
    """Ask for the address, then place the order."""
    lines = cart.lines(request)
    if not lines:
        return redirect("cart")
    form = CheckoutForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _buy(request, form.save(commit=False))
    context = {"form": form, "lines": lines, "total": sum(line.total for line in lines)}
    return render(request, "shop/checkout.html", context)


def _buy(request: HttpRequest, order: Order) -> HttpResponse:
    try:
        orders.place(request, order)
    except orders.SoldOut as error:
        messages.error(request, f"{error} is sold out. Nothing was ordered.")
        return redirect("cart")
    messages.success(request, f"Thank you! Your order has the number {order.pk}.")
    return redirect("orders" if request.user.is_authenticated else "home")


@login_required
@require_GET
def order_history(request: HttpRequest) -> HttpResponse:
    """What this customer bought, newest first."""
    mine = Order.objects.filter(user=request.user).prefetch_related("lines__product")  # type: ignore[misc]
    page = Paginator(mine, 10).get_page(request.GET.get("page"))
    return render(request, "shop/orders.html", {"page": page})


class Login(LoginView):
    """Log in, or step into the shoes of a seeded shopper."""

    extra_context = {"personas": [style.name for style in STYLES]}


def register(request: HttpRequest) -> HttpResponse:
    """Open an account; what was seen before counts for it."""
    form: UserCreationForm[User] = UserCreationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        login(request, form.save())
        return redirect("home")
    return render(request, "registration/register.html", {"form": form})
